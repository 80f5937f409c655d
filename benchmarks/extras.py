"""Figures of this service alone: starting, importing, batches of a thousand."""

import json
import resource
import statistics
import subprocess
import sys

from benchmarks.catalogue import NEW_ITEM, Caller
from benchmarks.laboratory import Running
from benchmarks.load import Request
from benchmarks.measuring import MICRO, measure
from benchmarks.service import ROOT

BATCH = 1000
IMPORTS = 5
BATCH_SECONDS = 5


def measure_extras(service: Running, callers: list[Caller]) -> dict[str, float]:
    return {
        "items per second of CPU, in batches of 1,000 (wanted: 20,000)": batch(service, callers),
        "ms of CPU for `import app.main` (wanted: 1,000)": import_milliseconds(),
        "ms from the start to the first response": service.start_seconds * 1000,
    }


def batch(service: Running, callers: list[Caller]) -> float:
    """Items created for each second of CPU time that the server spends."""
    body = json.dumps({"items": [NEW_ITEM] * BATCH})
    requests = [Request("POST", "/api/v1/items/batch", each.headers, body) for each in callers]
    sample = measure(service, requests, BATCH_SECONDS, connections=2)
    if sample.errors:
        raise RuntimeError("A batch was answered with an error.")
    return BATCH / sample.cpu * MICRO


def import_milliseconds() -> float:
    """The median of a few; CPU time, because a busy machine makes any wall clock lie."""
    return statistics.median(one_import() for _ in range(IMPORTS)) * 1000


def one_import() -> float:
    before = children_seconds()
    subprocess.run([sys.executable, "-c", "import app.main"], cwd=ROOT, check=True)
    return children_seconds() - before


def children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
