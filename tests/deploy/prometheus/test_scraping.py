"""A real Prometheus that scrapes the service and evaluates the shipped rules."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from fastapi import FastAPI
from httpx2 import AsyncClient

from benchmarks.harness.servers import serving
from tests.e2e.service import free_port
from tests.polling import eventually

FOLDER = Path(__file__).parents[3] / "deploy" / "observability"
DASHBOARD = FOLDER / "grafana" / "dashboards" / "service.json"
PROGRAM = shutil.which("prometheus")


def configuration(port: int) -> dict[str, Any]:
    """Return the shipped configuration with short intervals and one target for all jobs."""
    shipped = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
    target = {"static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
    jobs = [{"job_name": each["job_name"], **target} for each in shipped["scrape_configs"]]
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(FOLDER / pattern) for pattern in shipped["rule_files"]],
        "scrape_configs": jobs,
    }


@contextmanager
def prometheus(folder: Path, port: int) -> Iterator[str]:
    """Run Prometheus; yield the address of its API."""
    own = free_port()
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration(port)), encoding="utf-8")
    command = [
        str(PROGRAM),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{own}",
        "--log.level=error",
    ]
    with subprocess.Popen(command) as process:
        try:
            yield f"http://127.0.0.1:{own}/api/v1"
        finally:
            process.terminate()


async def rules(api: AsyncClient) -> list[dict[str, Any]]:
    response = await api.get("/rules")
    response.raise_for_status()
    groups = response.json()["data"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


async def values(api: AsyncClient, query: str) -> set[str]:
    """Return the current values of all series of the query."""
    response = (await api.get("/query", params={"query": query})).json()
    return {series["value"][1] for series in response["data"]["result"]}


def error_ratios() -> list[str]:
    """Return the queries for error ratios of the dashboard."""
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    queries = (target["expr"] for panel in panels for target in panel.get("targets", ()))
    return [query for query in queries if query.startswith("slo:http_errors:")]


@pytest.mark.skipif(PROGRAM is None, reason="prometheus was not found.")
async def test_rules_are_evaluated_and_no_error_is_zero(app: FastAPI, tmp_path: Path) -> None:
    async with serving(app) as port:
        with prometheus(tmp_path, port) as address:
            async with AsyncClient(base_url=address, trust_env=False) as api:

                async def has_evaluated_all() -> bool:
                    try:
                        found = await rules(api)
                    except httpx2.HTTPError:  # It has not started yet, or says 503 until then.
                        return False
                    return bool(found) and {each["health"] for each in found} == {"ok"}

                async def is_scraped() -> bool:
                    return await values(api, "up") == {"1"}

                async def shows_zero() -> bool:
                    async with AsyncClient(trust_env=False) as client:
                        await client.get(f"http://127.0.0.1:{port}/version")
                    ratios = [await values(api, query) for query in error_ratios()]
                    return ratios == [{"0"}] * 3

                await eventually(has_evaluated_all, 120)
                await eventually(is_scraped, 120)
                await eventually(shows_zero, 120)
