"""Request limits: slot and deadline of a request in flight, which an endpoint can release."""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Scope


class RequestLimits:
    """Limits of one request: none, unless a feature sets `scope["state"]["limits"]`."""

    def remove_deadline(self) -> None:
        """Remove the deadline of a request that has other limits."""

    @contextmanager
    def without_slot(self) -> Iterator[None]:
        """Release the slot for the duration of the block; the deadline still applies."""
        yield


def limits_of(scope: Scope) -> RequestLimits:
    limits: RequestLimits = scope["state"].get("limits") or RequestLimits()
    return limits
