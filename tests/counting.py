"""Counters for tests: increments of a metric, and function calls."""

import sys
from collections.abc import Callable
from types import FrameType

from prometheus_client import REGISTRY


def counting(name: str, **labels: str) -> Callable[[], int]:
    """Return a function that returns the increase of the counter since this call."""

    def value() -> int:
        return int(REGISTRY.get_sample_value(f"{name}_total", labels) or 0)

    before = value()
    return lambda: value() - before


def calls_during(work: Callable[[], object]) -> int:
    """Count the function calls of some work: its cost, however busy the machine is."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls
