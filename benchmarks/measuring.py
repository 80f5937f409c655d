"""One measurement: load for some seconds, and what the server's processes spent on it."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.laboratory import Running
from benchmarks.load import CONNECTIONS, Request, send

MICRO = 1e6


@dataclass(frozen=True)
class Sample:
    """CPU time in microseconds a request, latency in milliseconds.

    Of several samples: medians, and the lowest and the highest CPU time.
    """

    cpu: float
    per_second: float
    p50: float
    p99: float
    errors: int
    lowest: float = 0
    highest: float = 0


def measure(
    running: Running, requests: list[Request], seconds: float, connections: int = CONNECTIONS
) -> Sample:
    return measured(running.cpu_seconds, running.port, requests, seconds, connections)


def measured(
    cpu_seconds: Callable[[], float],
    port: int,
    requests: list[Request],
    seconds: float,
    connections: int,
) -> Sample:
    before = cpu_seconds()
    load = send(port, requests, seconds, connections)
    spent = cpu_seconds() - before
    return Sample(
        spent / max(1, load.requests) * MICRO,
        load.requests / load.seconds,
        load.p50,
        load.p99,
        load.errors,
    )


def median(samples: Sequence[Sample]) -> Sample:
    """The median of each figure, the range of the CPU time, the sum of the errors."""
    figures = {
        name: statistics.median(getattr(sample, name) for sample in samples)
        for name in ("cpu", "per_second", "p50", "p99")
    }
    costs = [sample.cpu for sample in samples]
    errors = sum(sample.errors for sample in samples)
    return Sample(**figures, errors=errors, lowest=min(costs), highest=max(costs))
