"""Storage of the response cache: Redis shared by all processes, else process memory."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import cashews
from cashews.backends.redis import Redis
from cashews.exceptions import CacheError
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.observability.logging import get_logger

T = TypeVar("T")

# A caller that finds Redis unreachable waits for one of these; Redis is then skipped for a while.
CONNECT_SECONDS = 0.2
READ_SECONDS = 0.2
UNREACHABLE_SECONDS = 1.0
AT_ONCE = 8
MAX_ENTRIES = 2000
# Other clients of Redis can write entries: JSON is safe to parse, pickle would execute code.
SERIALIZER = "json"

log = get_logger("cache")


class CacheStore:
    """JSON-serializable values by key; in process memory while Redis is unreachable.

    Errors of Redis are not raised: a value that was not stored is loaded again.
    """

    def __init__(self, redis_url: str, *, retry_seconds: float = UNREACHABLE_SECONDS) -> None:
        self._retry_seconds = retry_seconds
        self._local = cashews.Cache()
        self._local.setup("mem://", size=MAX_ENTRIES, check_interval=0, pickle_type=SERIALIZER)
        self._shared = cashews.Cache()
        self._backend = set_up(self._shared, redis_url) if redis_url else None
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._unreachable_until = 0.0

    async def close(self) -> None:
        if self._backend and self._backend.is_init:
            # Not its close(), which calls a method that redis-py has deprecated.
            await self._backend._client.aclose()  # noqa: SLF001

    async def get(self, key: str) -> Any | None:
        try:
            return await self._run(lambda store: store.get(key))
        except ValueError:
            return None  # Not JSON: written by another client of Redis.

    async def set(self, key: str, value: Any, *, seconds: float) -> None:
        await self._run(lambda store: store.set(key, value, expire=seconds))

    async def lock(self, key: str, holder: str, *, seconds: float) -> bool:
        """Try to acquire the lock against other processes; within a process callers serialize."""
        return await self._run(
            lambda store: always() if store is self._local else store.set_lock(key, holder, seconds)
        )

    async def unlock(self, key: str, holder: str) -> None:
        await self._run(lambda store: store.unlock(key, holder))

    async def _run(self, command: Callable[[cashews.Cache], Awaitable[T]]) -> T:
        if not self._backend:
            return await command(self._local)
        async with self._slots:
            if time.monotonic() < self._unreachable_until:
                return await command(self._local)
            try:
                return await command(self._shared)
            except (CacheError, RedisError, OSError) as error:
                if time.monotonic() >= self._unreachable_until:
                    reason = repr(error.__cause__ or error)[:200]
                    log.warning("Redis unreachable, caching in process", reason=reason)
                self._unreachable_until = time.monotonic() + self._retry_seconds
                return await command(self._local)


async def always() -> bool:
    return True


def set_up(store: cashews.Cache, redis_url: str) -> Redis:
    return cast(
        "Redis",
        store.setup(
            redis_url,
            suppress=False,
            connection_pool_class=ConnectionPool,
            max_connections=AT_ONCE,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=READ_SECONDS,
            retry=Retry(NoBackoff(), retries=0),
            health_check_interval=0,
            pickle_type=SERIALIZER,
        ),
    )
