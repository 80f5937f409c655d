"""Response cache of the external API: stale-while-revalidate, one load per key at a time."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from app.config.settings import Settings
from app.features.external.cache_store import CacheStore
from app.observability import metrics
from app.observability.logging import get_logger

Load = Callable[[], Awaitable[Any]]

PREFIX = "cache:"
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


def create_cache(settings: Settings) -> "Cache":
    # Locks are untested on a Redis cluster, so there each process has its own cache.
    return Cache(CacheStore("" if settings.redis_cluster else settings.redis_url))


class Cache:
    """Loads each value once at a time across all processes that share the store."""

    def __init__(self, store: CacheStore) -> None:
        self._store = store
        self._loading: dict[str, asyncio.Task[Any]] = {}

    async def close(self) -> None:
        """Cancel running loads after a grace period in which reads and writes can finish.

        uvloop may never close if a task was cancelled while it opened a connection.
        """
        if self._loading:
            _, pending = await asyncio.wait(self._loading.values(), timeout=CLOSING_SECONDS)
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
        await self._store.close()

    async def get(self, key: str, load: Load, policy: CachePolicy) -> Any:
        """Return the JSON-serializable value of the key; errors of `load` are propagated.

        If a caller is cancelled, the load continues for the other callers that wait for it.
        """
        entry = await self._store.get(PREFIX + key)
        if entry is None:
            count("miss")
            return await asyncio.shield(self._start(key, load, policy))
        if is_fresh(entry):
            count("hit")
        else:
            count("stale")
            self._start(key, load, policy)
        return entry["value"]

    def _start(self, key: str, load: Load, policy: CachePolicy) -> asyncio.Task[Any]:
        if key not in self._loading:
            task = asyncio.create_task(self._load(PREFIX + key, load, policy))
            self._loading[key] = task
            task.add_done_callback(partial(self._loaded, key))
        return self._loading[key]

    def _loaded(self, key: str, task: asyncio.Task[Any]) -> None:
        del self._loading[key]
        if not task.cancelled() and (error := task.exception()):
            count("failure")
            log.warning("cache load failed", key=key, reason=repr(error)[:200])

    async def _load(self, key: str, load: Load, policy: CachePolicy) -> Any:
        holder = await self._lock(key)
        try:
            entry = await self._store.get(key)
            if entry and is_fresh(entry):
                return entry["value"]
            count("load")
            value = await load()
            entry = {"value": value, "fresh_until": time.time() + policy.fresh_seconds}
            seconds = policy.fresh_seconds + policy.stale_seconds
            await self._store.set(key, entry, seconds=seconds)
            return value
        finally:
            await self._store.unlock(f"{key}:lock", holder)

    async def _lock(self, key: str) -> str:
        """Wait until no other process loads the key."""
        holder = uuid.uuid4().hex
        while not await self._store.lock(f"{key}:lock", holder, seconds=LOCK_SECONDS):  # noqa: ASYNC110  (no event from other processes)
            await asyncio.sleep(POLL_SECONDS)
        return holder


def count(outcome: str) -> None:
    """Count an outcome; a miss or a stale hit leads to `load` or `failure`."""
    metrics.CACHE_REQUESTS.labels("upstream", outcome).inc()


def is_fresh(entry: dict[str, Any]) -> bool:
    return bool(time.time() < entry["fresh_until"])
