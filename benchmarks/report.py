"""Report of a comparison: tables, a JSON file, and the page in docs/."""

import datetime
import json
import os
import platform
import re
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import chart, targets
from benchmarks.load import CONNECTIONS
from benchmarks.servers import SERVICE, title_of
from benchmarks.service import ROOT
from benchmarks.targets import Samples

RESULTS = ROOT / "benchmarks" / "results.json"
PAGE = ROOT / "docs" / "benchmarks.md"
CHART = ROOT / "docs" / "images" / "bench.svg"


def tables(samples: Samples) -> str:
    return "\n\n".join([cpu_table(samples), latency_table(samples), targets.table(samples)])


def cpu_table(samples: Samples) -> str:
    """CPU microseconds a request, the cheapest first."""
    operations = list(next(iter(samples.values())))
    lines = [
        f"| CPU µs per request | {' | '.join(operations)} |",
        f"|---|{'--:|' * len(operations)}",
    ]
    for name in by_cost(samples):
        figures = " | ".join(f"{samples[name][each].cpu:,.0f}" for each in operations)
        lines.append(f"| {named(name)} | {figures} |")
    return "\n".join(lines)


def latency_table(samples: Samples) -> str:
    operations = list(next(iter(samples.values())))
    lines = [
        f"| requests per second; p50 / p99 in ms | {' | '.join(operations)} |",
        f"|---|{'--:|' * len(operations)}",
    ]
    for name in by_cost(samples):
        figures = " | ".join(
            f"{each.per_second:,.0f}; {each.p50:.1f} / {each.p99:.1f}"
            for each in samples[name].values()
        )
        lines.append(f"| {named(name)} | {figures} |")
    return "\n".join(lines)


def by_cost(samples: Samples) -> list[str]:
    operation = "get" if "get" in samples[SERVICE.name] else next(iter(samples[SERVICE.name]))
    return sorted(samples, key=lambda name: samples[name][operation].cpu)


def named(name: str) -> str:
    return f"**{title_of(name)}**" if name == SERVICE.name else title_of(name)


def publish(samples: Samples, extras: dict[str, float], rounds: int, seconds: int) -> None:
    """Write the results, the chart and the figures of the page."""
    how = f"{rounds} rounds of {seconds} s on {CONNECTIONS} connections"
    write_results("comparison", {"how": how, "servers": as_json(samples), "service": extras})
    CHART.write_text(chart.bars(samples), encoding="utf-8")
    lines = [f"| {name} | {value:,.0f} |" for name, value in extras.items()]
    own = "\n".join(["| this service, other figures | |", "|---|--:|", *lines])
    write_figures("comparison", f"{machine()}; {how}.\n\n{tables(samples)}\n\n{own}")


def as_json(samples: Samples) -> dict[str, Any]:
    return {
        name: {
            operation: {key: round(figure, 2) for key, figure in asdict(sample).items()}
            for operation, sample in each.items()
        }
        for name, each in samples.items()
    }


def write_results(part: str, results: dict[str, Any]) -> None:
    whole = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    whole[part] = {"machine": machine(), **results}
    RESULTS.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")


def write_figures(part: str, text: str) -> None:
    """Replace what stands between the two marks of this part in the page."""
    start, end = f"<!-- {part} -->", f"<!-- /{part} -->"
    page = PAGE.read_text(encoding="utf-8")
    marked = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
    whole = marked.sub(lambda _: f"{start}\n{text}\n{end}", page)
    PAGE.write_text(whole, encoding="utf-8")


def machine() -> str:
    """Day, processor and versions: what a reader must know to compare."""
    today = datetime.datetime.now(tz=datetime.UTC).date()
    cores = f"{os.cpu_count()} cores of {processor()}"
    found = [f"Python {platform.python_version()}", version("node"), version("go", "version")]
    return ", ".join([str(today), cores, *filter(None, found)])


def processor() -> str:
    names = re.findall(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return names[0].strip() if names else platform.machine()


def version(program: str, argument: str = "--version") -> str:
    try:
        done = subprocess.run([program, argument], capture_output=True, text=True, check=True)
    except OSError:
        return ""
    number = re.search(r"\d+\.\d+\.\d+", done.stdout)
    return f"{program.capitalize()} {number[0]}" if number else ""
