"""Registry of the metrics: those of this process, or the sum over all workers of a server."""

import os
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from app.features.prometheus.worker_processes import FOLDER_VARIABLE


def registry() -> CollectorRegistry:
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder is None:
        return REGISTRY
    remove_dead_workers(Path(folder))
    together = CollectorRegistry()
    MultiProcessCollector(together, path=folder)  # type: ignore[no-untyped-call]  # the client's
    return together


def remove_dead_workers(folder: Path) -> None:
    """Drop the gauges of workers that have ended; their counters remain."""
    for file in folder.glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        if not is_alive(pid):
            mark_process_dead(pid, path=str(folder))  # type: ignore[no-untyped-call]  # the client's


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
