"""Work: a request in progress, whose slot and deadline an endpoint can give up."""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Scope


class Work:
    """A request without limits, unless a feature sets `scope["state"]["work"]`."""

    def stop_clock(self) -> None:
        """Remove the deadline of a request that has other limits."""

    @contextmanager
    def uncounted(self) -> Iterator[None]:
        """Occupy no slot inside the block, which waits; the deadline still holds."""
        yield


def work_of(scope: Scope) -> Work:
    work: Work = scope["state"].get("work") or Work()
    return work
