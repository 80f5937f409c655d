"""What the metrics have counted since some moment."""

from collections.abc import Callable

from prometheus_client import REGISTRY


def counting(name: str, **labels: str) -> Callable[[], int]:
    """A function that tells how much the counter has grown since this call."""

    def value() -> int:
        return int(REGISTRY.get_sample_value(f"{name}_total", labels) or 0)

    before = value()
    return lambda: value() - before
