"""Dashboards and alerts: they query exposed metrics, and each alert has a runbook."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from httpx2 import AsyncClient
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from app.observability import metrics
from tests.deploy.kustomize import render

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "observability"
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
RULE_FILES = sorted((FOLDER / "rules").glob("*.yml"))
DASHBOARDS = sorted((FOLDER / "grafana" / "dashboards").glob("*.json"))
OVERLAYS = sorted((ROOT / "deploy" / "kubernetes" / "overlays").iterdir())
PROMTOOL = shutil.which("promtool")

VALUES = re.compile(r'\b(code|outcome)!?=~?"([\w|]+)"')
# What PromQL itself says.
WORDS = {
    "sum",
    "by",
    "rate",
    "increase",
    "max",
    "histogram_quantile",
    "topk",
    "and",
    "or",
    "on",
    "absent",
}
# What Prometheus adds to every series that it scrapes.
ADDED = {"instance", "job", "le"}
BY_PROMETHEUS = {"up": ADDED}
SUFFIXES = {
    Counter: ("_total",),
    Gauge: ("",),
    Histogram: ("_bucket", "_count", "_sum"),
}


def name_of(metric: MetricWrapperBase) -> str:
    [described] = metric.describe()
    return str(described.name)


DECLARED = {
    name_of(each): each for each in vars(metrics).values() if isinstance(each, MetricWrapperBase)
}

Rule = dict[str, Any]


def rules() -> Iterator[Rule]:
    for file in RULE_FILES:
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]:
            yield from group["rules"]


def panels() -> Iterator[Rule]:
    for file in DASHBOARDS:
        yield from json.loads(file.read_text(encoding="utf-8"))["panels"]


RULES = list(rules())
ALERTS = [rule for rule in RULES if "alert" in rule]
RECORDED: dict[str, set[str]] = {rule["record"]: set() for rule in RULES if "record" in rule}
QUERIES = {f"{rule.get('alert') or rule['record']}": rule["expr"] for rule in RULES} | {
    f"{panel['title']}: {target['refId']}": target["expr"]
    for panel in panels()
    for target in panel.get("targets", ())
}


def names(query: str) -> set[str]:
    """Return the series of a query."""
    bare = re.sub(r"\{.*?\}|\[.*?\]|\bby \(.*?\)", " ", query)
    return set(re.findall(r"(?<![\w.])[a-z_][a-z0-9_:]*", bare)) - WORDS


def labels(query: str) -> set[str]:
    """Return the labels that a query selects and groups by."""
    chosen = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", query)
    grouped = re.findall(r"\bby \((.*?)\)", query)
    return {*chosen, *(name.strip() for group in grouped for name in group.split(","))}


def series() -> dict[str, set[str]]:
    """Every series that is declared, with its labels."""
    return {
        name_of(each) + suffix: {*each._labelnames, *ADDED}  # noqa: SLF001  (it has no other name)
        for each in DECLARED.values()
        for suffix in SUFFIXES[type(each)]
    }


SERIES = series() | RECORDED | BY_PROMETHEUS


class TestQueries:
    def test_were_found(self) -> None:
        assert len(QUERIES) > 60

    @pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
    def test_queries_use_existing_metrics(self, query: str) -> None:
        assert names(query)
        for name in names(query):
            assert name in SERIES
            assert labels(query) <= SERIES[name] | {"job"}

    def test_queries_select_values_that_occur(self) -> None:
        chosen = {found for query in QUERIES.values() for found in VALUES.findall(query)}
        values = {(label, value) for label, text in chosen for value in text.split("|")}
        sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "app").rglob("*.py"))
        # Only features count some values, and may be absent; the metric documents them.
        texts = "".join(
            metric.documentation for each in DECLARED.values() for metric in each.describe()
        )
        documented = set(re.findall(r"\w+", texts))

        assert {label for label, _ in values} == {"code", "outcome"}
        assert {
            (label, value)
            for label, value in values
            if f'"{value}"' not in sources and value not in documented
        } == set()

    async def test_declared_metrics_are_exposed(self, client: AsyncClient) -> None:
        text = (await client.get("/metrics")).text

        exposed = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, flags=re.MULTILINE))
        for name, each in DECLARED.items():
            kind = type(each).__name__.lower()
            assert exposed[f"{name}_total" if kind == "counter" else name] == kind

    def test_queries_use_every_metric(self) -> None:
        used = {name for query in QUERIES.values() for name in names(query)}

        for name, each in DECLARED.items():
            assert used & {name + suffix for suffix in SUFFIXES[type(each)]}, name


class TestJobs:
    def test_jobs_of_alerts_are_scraped(self) -> None:
        asked = {job for query in QUERIES.values() for job in re.findall(r'job="(\w+)"', query)}
        scraped = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
        # On Kubernetes a job has the name of what it scrapes: see jobLabel there.
        labels = [
            resource["metadata"]["labels"][resource["spec"]["jobLabel"]]
            for overlay in OVERLAYS
            for resource in render(overlay)
            if resource["kind"] in {"ServiceMonitor", "PodMonitor"}
        ]

        assert asked == {each["job_name"] for each in scraped["scrape_configs"]} == set(labels)


class TestOperations:
    @pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
    def test_every_alert_has_a_runbook(self, alert: Rule) -> None:
        anchors = {
            heading.lower() for heading in re.findall(r"^### (\w+)$", OPERATIONS, re.MULTILINE)
        }

        assert alert["annotations"]["runbook"].removeprefix("docs/operations.md#") in anchors

    @pytest.mark.parametrize("name", DECLARED)
    def test_every_metric_is_documented(self, name: str) -> None:
        suffix = "_total" if isinstance(DECLARED[name], Counter) else ""

        assert f"`{name}{suffix}" in OPERATIONS


@pytest.mark.skipif(PROMTOOL is None, reason="promtool comes with the package prometheus.")
class TestPrometheus:
    @pytest.mark.parametrize(
        "arguments",
        [
            ["check", "rules", *map(str, RULE_FILES)],
            ["check", "config", str(FOLDER / "prometheus.yml")],
            ["test", "rules", str(Path(__file__).with_name("slo_tests.yml"))],
            ["test", "rules", str(Path(__file__).with_name("causes_tests.yml"))],
        ],
        ids=["rules", "config", "objectives", "causes"],
    )
    def test_promtool_accepts_the_rules(self, arguments: list[str]) -> None:
        done = subprocess.run(
            [str(PROMTOOL), *arguments], capture_output=True, text=True, check=False
        )

        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", ["UnexpectedErrors", "JobsFail"])
def test_first_error_is_an_increase(alert: str) -> None:
    """A series that begins with its first error shows no increase, and no alert would fire."""
    (query,) = (rule["expr"] for rule in ALERTS if rule["alert"] == alert)
    (name,), chosen = names(query), re.findall(r'\w+="\w+"', query)

    exposed = of_a_new_process()

    assert [line for line in exposed if line.startswith(f"{name}{{") and chosen[0] in line]
    assert all(line.endswith(" 0.0") for line in exposed if line.startswith(f"{name}{{"))


def of_a_new_process() -> list[str]:
    script = (
        "import prometheus_client as p; from app.main import create_app; create_app();"
        "print(p.generate_latest().decode())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()
