"""Response cache of the external API: stale-while-revalidate, one load per key at a time."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from app.features.external.store import Entry, Store
from app.observability import metrics
from app.observability.logging import get_logger
from app.runtime.single_flight_cache import SingleFlightCache

Load = Callable[[], Awaitable[Any]]

PREFIX = "cache:"
MAX_ENTRIES = 2000
# Longer than a load may take; bounds how long the lock of a dead process blocks others.
LOCK_SECONDS = 4.0
POLL_SECONDS = 0.05
CLOSING_SECONDS = 0.5

log = get_logger("cache")


@dataclass(frozen=True)
class CachePolicy:
    """Seconds that a value is fresh, and then stale: served while it is loaded again."""

    fresh_seconds: float
    stale_seconds: float


class Cache:
    """Loads each value once at a time across all processes that share the store.

    Process memory has what this process loaded, for while the store is unreachable.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._memory = SingleFlightCache[str, Entry](max_entries=MAX_ENTRIES)

    async def close(self) -> None:
        """Cancel running loads after a grace period in which reads and writes can finish.

        uvloop may never close if a task was cancelled while it opened a connection.
        """
        await self._memory.close(grace_seconds=CLOSING_SECONDS)
        await self._store.close()

    async def get(self, key: str, load: Load, policy: CachePolicy) -> Any:
        """Return the JSON-serializable value of the key; errors of `load` are propagated.

        If a caller is cancelled, the load continues for the other callers that wait for it.
        """
        entry = await self._find(key)
        if entry and entry.is_fresh():
            count("hit")
            return entry.value
        count("stale" if entry else "miss")
        loading = self._memory.load(key, lambda: self._load(key, load, policy))
        if entry is None:
            entry = await asyncio.shield(loading)
        return entry.value

    async def _find(self, key: str) -> Entry | None:
        return await self._store.get(PREFIX + key, otherwise=self._memory.peek(key))

    async def _load(self, key: str, load: Load, policy: CachePolicy) -> tuple[Entry, float]:
        lock, holder = f"{PREFIX}{key}:lock", uuid.uuid4().hex
        await self._lock(lock, holder)
        try:
            entry = await self._find(key)
            if entry is None or not entry.is_fresh():
                entry = await self._load_new(key, load, policy)
            return entry, entry.fresh_until + policy.stale_seconds - time.time()
        except Exception as error:
            count("failure")
            log.warning("cache load failed", key=key, reason=repr(error)[:200])
            raise
        finally:
            await self._store.unlock(lock, holder)

    async def _load_new(self, key: str, load: Load, policy: CachePolicy) -> Entry:
        count("load")
        value = await load()
        entry = Entry(value, time.time() + policy.fresh_seconds)
        seconds = policy.fresh_seconds + policy.stale_seconds
        await self._store.set(PREFIX + key, entry, seconds=seconds)
        return entry

    async def _lock(self, lock: str, holder: str) -> None:
        """Wait until no other process loads the key."""
        while not await self._store.lock(lock, holder, seconds=LOCK_SECONDS):  # noqa: ASYNC110  (no event from other processes)
            await asyncio.sleep(POLL_SECONDS)


def count(outcome: str) -> None:
    """Count an outcome; a miss or a stale hit leads to `load` or `failure`."""
    metrics.CACHE_REQUESTS.labels("upstream", outcome).inc()
