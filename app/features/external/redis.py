"""Storage of the response cache in Redis, shared by all processes: of external and redis."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from pydantic import TypeAdapter
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.features.external.store import Entry, Stores
from app.features.redis.declarations import RedisUse
from app.features.redis.settings import RedisSettings
from app.observability.logging import get_logger
from app.startup import Startup

T = TypeVar("T")

# A caller that finds Redis unreachable waits for it; Redis is then skipped for a while.
TIMEOUT_SECONDS = 0.2
UNREACHABLE_SECONDS = 1.0
AT_ONCE = 8
UNLOCK = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end"

log = get_logger("cache")


# Other clients of Redis can write entries: JSON is safe to parse, pickle would execute code.
ENTRY = TypeAdapter(Entry)


def connect(startup: Startup, settings: RedisSettings) -> None:
    """Let the response cache be shared, except on a cluster, where its locks are untested."""
    if not settings.redis_cluster:
        startup.resources.add(Stores(partial(SharedStore, settings.redis_url)))


class SharedStore:
    """Entries by key; while Redis is unreachable, it stores nothing.

    Errors of Redis are not raised: a value that was not stored is loaded again.
    """

    def __init__(
        self,
        redis_url: str,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        retry_seconds: float = UNREACHABLE_SECONDS,
    ) -> None:
        self._redis = create_client(redis_url, timeout_seconds)
        self._retry_seconds = retry_seconds
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._unreachable_until = 0.0

    async def close(self) -> None:
        await self._redis.aclose()

    async def get(self, key: str, *, otherwise: Entry | None) -> Entry | None:
        async def read(redis: Redis) -> Entry | None:
            stored = await redis.get(key)
            return None if stored is None else parse(stored)

        return await self._run(read, otherwise)

    async def set(self, key: str, entry: Entry, *, seconds: float) -> None:
        text, milliseconds = ENTRY.dump_json(entry), max(1, int(seconds * 1000))
        await self._run(lambda redis: redis.set(key, text, px=milliseconds), None)

    async def lock(self, key: str, holder: str, *, seconds: float) -> bool:
        milliseconds = int(seconds * 1000)

        async def acquire(redis: Redis) -> bool:
            return bool(await redis.set(key, holder, nx=True, px=milliseconds))

        return await self._run(acquire, otherwise=True)

    async def unlock(self, key: str, holder: str) -> None:
        await self._run(lambda redis: redis.eval(UNLOCK, 1, key, holder), None)

    async def _run(self, command: Callable[[Redis], Awaitable[T]], otherwise: T) -> T:
        async with self._slots:
            if time.monotonic() < self._unreachable_until:
                return otherwise
            try:
                return await command(self._redis)
            except (RedisError, OSError) as error:
                if time.monotonic() >= self._unreachable_until:
                    log.warning("Redis unreachable, caching in process", reason=repr(error)[:200])
                self._unreachable_until = time.monotonic() + self._retry_seconds
                return otherwise


def create_client(url: str, timeout_seconds: float) -> Redis:
    return Redis.from_url(
        url,
        max_connections=AT_ONCE,
        socket_connect_timeout=timeout_seconds,
        socket_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), retries=0),
        health_check_interval=0,
    )


def parse(stored: str | bytes) -> Entry | None:
    try:
        return ENTRY.validate_json(stored)
    except ValueError:
        return None  # Written by another client of Redis.


extension = RedisUse(connect)
