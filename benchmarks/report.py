"""Report of a comparison: tables, a JSON file, and the page in docs/."""

import datetime
import json
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import chart, targets
from benchmarks.measuring import Sample
from benchmarks.servers import SERVICE, title_of
from benchmarks.service import ROOT
from benchmarks.targets import Run, Samples

RESULTS = ROOT / "benchmarks" / "results.json"
PAGE = ROOT / "docs" / "benchmarks.md"
CHART = ROOT / "docs" / "images" / "bench.svg"


def tables(runs: Sequence[Run]) -> str:
    levels = {level: targets.medians(runs, level) for level in runs[0]}
    costs = [cpu_table(samples, level) for level, samples in levels.items()]
    waits = [latency_table(samples, level) for level, samples in levels.items()]
    return "\n\n".join([targets.table(runs), *costs, *waits])


def cpu_table(samples: Samples, connections: int) -> str:
    """CPU microseconds a request, the cheapest first."""
    operations = list(next(iter(samples.values())))
    lines = [
        f"| CPU µs per request, {connections} connections | {' | '.join(operations)} |",
        f"|---|{'--:|' * len(operations)}",
    ]
    for name in by_cost(samples):
        figures = " | ".join(cost(samples[name][each]) for each in operations)
        lines.append(f"| {named(name)} | {figures} |")
    return "\n".join(lines)


def cost(sample: Sample) -> str:
    return f"{sample.cpu:,.0f} ({sample.lowest:,.0f} to {sample.highest:,.0f})"


def latency_table(samples: Samples, connections: int) -> str:
    operations = list(next(iter(samples.values())))
    unit = f"requests per second; p50 / p99 in ms, {connections} connections"
    lines = [
        f"| {unit} | {' | '.join(operations)} |",
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


def publish(runs: Sequence[Run], extras: dict[str, float], seconds: int) -> None:
    """Write the results, the chart and the figures of the page."""
    levels = {level: targets.medians(runs, level) for level in runs[0]}
    how = f"medians of {len(runs)} runs of {seconds} s, and their range"
    servers = {f"{level} connections": as_json(samples) for level, samples in levels.items()}
    write_results("comparison", {"how": how, "servers": servers, "service": extras})
    CHART.write_text(chart.bars(levels[max(levels)]), encoding="utf-8")
    lines = [f"| {name} | {value:,.0f} |" for name, value in extras.items()]
    own = "\n".join(["| this service, other figures | |", "|---|--:|", *lines])
    write_figures("comparison", f"{machine()}; {how}.\n\n{tables(runs)}\n\n{own}")


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
