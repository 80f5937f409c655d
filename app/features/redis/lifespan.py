"""Lifespan of the Redis client, which replaces the kernel's notifications and rate limits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from app.features.redis.client import (
    Client,
    RedisListener,
    RedisPublisher,
    RedisWindows,
    answers,
    create_redis,
)
from app.features.redis.settings import RedisSettings
from app.startup import Startup


@dataclass(frozen=True, slots=True)
class RedisResources:
    """The client; None if REDIS_URL is empty."""

    client: Client | None


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[RedisResources]:
    settings = startup.settings.of(RedisSettings)
    if not settings.redis_url:
        yield RedisResources(None)
        return
    connect = partial(create_redis, settings.redis_url, is_cluster=settings.redis_cluster)
    client = connect()
    startup.health.add("redis", partial(answers, client))
    startup.notifications.publish = RedisPublisher(client)
    # With a retry the client would resubscribe silently and miss messages published meanwhile.
    startup.create_listener = partial(RedisListener, partial(connect, retries=0))
    startup.create_windows = partial(RedisWindows, client)
    try:
        yield RedisResources(client)
    finally:
        await client.aclose()
