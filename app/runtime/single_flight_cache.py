"""Single-flight cache: concurrent misses of a key share one load; values expire."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from app.observability import metrics

K = TypeVar("K")
V = TypeVar("V")

Load = Callable[[], Awaitable[tuple[V, float]]]
"""Return the value, and for how many seconds to cache it."""


class SingleFlightCache(Generic[K, V]):
    """Values by key in the memory of the process; beyond `max_entries` the oldest is evicted.

    Each invalidation begins a new epoch. A load that began in an earlier one is not cached, and
    later callers do not join it: its value may be from before the change.
    """

    def __init__(self, *, max_entries: int) -> None:
        self._entries: dict[K, tuple[V, float]] = {}
        self._loads: dict[tuple[K, int], asyncio.Task[V]] = {}
        self._max_entries = max_entries
        self.epoch = 0
        self.hits = 0
        self.misses = 0

    async def get(self, key: K, load: Load[V]) -> V:
        """Return the cached value, else that of the load in progress or of a new one.

        All callers that wait receive an error of the load, which is not cached. If one of them is
        cancelled, the load continues for the others.
        """
        entry = self._entries.get(key)
        if entry is not None and entry[1] > time.monotonic():
            self.hits += 1
            return entry[0]
        self.misses += 1
        return await asyncio.shield(self.load(key, load))

    def peek(self, key: K) -> V | None:
        """Return the cached value, or None."""
        entry = self._entries.get(key)
        return entry[0] if entry is not None and entry[1] > time.monotonic() else None

    def load(self, key: K, load: Load[V]) -> asyncio.Task[V]:
        """Return the load in progress or a new one, although a value may be cached."""
        flight = (key, self.epoch)
        if flight not in self._loads:
            task = self._loads[flight] = asyncio.create_task(self._load(flight, load))
            task.add_done_callback(lambda done: self._finish(flight, done))
        return self._loads[flight]

    def invalidate(self, key: K) -> None:
        self.epoch += 1
        self._entries.pop(key, None)

    def invalidate_where(self, is_outdated: Callable[[V], bool]) -> None:
        self.epoch += 1
        for key in [key for key, (value, _) in self._entries.items() if is_outdated(value)]:
            del self._entries[key]

    def clear(self) -> None:
        self.epoch += 1
        self._entries.clear()

    def sample(self, name: str) -> None:
        """Add the hits and misses since the last call to the metrics."""
        metrics.CACHE_REQUESTS.labels(name, "hit").inc(self.hits)
        metrics.CACHE_REQUESTS.labels(name, "miss").inc(self.misses)
        self.hits = self.misses = 0

    async def close(self, *, grace_seconds: float) -> None:
        """Cancel the loads that do not finish within the grace period."""
        if not self._loads:
            return
        _, late = await asyncio.wait(self._loads.values(), timeout=grace_seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _load(self, flight: tuple[K, int], load: Load[V]) -> V:
        value, seconds = await load()
        if flight[1] == self.epoch:
            self._keep(flight[0], value, time.monotonic() + seconds)
        return value

    def _keep(self, key: K, value: V, deadline: float) -> None:
        self._entries.pop(key, None)
        if len(self._entries) >= self._max_entries:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = (value, deadline)

    def _finish(self, flight: tuple[K, int], task: asyncio.Task[V]) -> None:
        del self._loads[flight]
        if not task.cancelled():
            task.exception()  # Retrieved here as well, because all callers may have left.
