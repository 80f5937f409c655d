"""Benchmark of an export: rows a second, and the memory of the service."""

import time
from dataclasses import dataclass

import httpx2

from benchmarks.catalogue import Caller
from benchmarks.laboratory import Running
from benchmarks.processes import resident_bytes

MEBI = 1024 * 1024
SAMPLE_SECONDS = 0.1


@dataclass(frozen=True)
class Export:
    """`growth` is the most memory during the export over that before it, in MiB."""

    rows: int
    per_second: float
    per_cpu_second: float
    growth: float


def measure_export(service: Running, caller: Caller) -> Export:
    """Download every item, and watch the server at it."""
    before, cpu = resident_bytes(service.process.pid), service.cpu_seconds()
    started, rows, peak = time.perf_counter(), 0, before
    looked = started
    url = f"http://127.0.0.1:{service.port}/api/v1/items/export"
    headers = {**caller.headers, "Accept-Encoding": "identity"}
    with httpx2.stream("GET", url, headers=headers, trust_env=False, timeout=60) as response:
        response.raise_for_status()
        for chunk in response.iter_raw():
            rows += chunk.count(b"\n")
            if time.perf_counter() - looked > SAMPLE_SECONDS:
                looked = time.perf_counter()
                peak = max(peak, resident_bytes(service.process.pid))
    seconds, spent = time.perf_counter() - started, service.cpu_seconds() - cpu
    return Export(rows, rows / seconds, rows / max(spent, 0.01), (peak - before) / MEBI)
