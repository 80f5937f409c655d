"""Single flight: one computation for all concurrent callers, its value cached for some seconds.

For computations that anonymous clients can trigger: the cost does not grow with their number.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Shares one computation; an error is not cached, and all waiting callers receive it."""

    def __init__(self, *, lifetime_seconds: float) -> None:
        self._lifetime_seconds = lifetime_seconds
        self._pending: asyncio.Task[T] | None = None
        self._latest: tuple[T, float] | None = None

    async def get(self, compute: Callable[[], Awaitable[T]]) -> T:
        """Return the cached value, else that of the computation in progress or of a new one."""
        if self._latest and self._latest[1] > time.monotonic():
            return self._latest[0]
        if self._pending is None:
            self._pending = asyncio.create_task(self._compute(compute))
        # A caller that disconnects must not cancel the computation of the others.
        return await asyncio.shield(self._pending)

    async def _compute(self, compute: Callable[[], Awaitable[T]]) -> T:
        try:
            value = await compute()
        finally:
            self._pending = None
        self._latest = value, time.monotonic() + self._lifetime_seconds
        return value
