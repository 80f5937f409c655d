"""Lifespan of the Redis client, which replaces the kernel's notifications and rate limits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from app.feature import Features
from app.features.redis.declarations import RedisUse
from app.features.redis.settings import RedisSettings
from app.startup import Startup

if TYPE_CHECKING:
    from app.features.redis.client import Client  # As in `connected`.


@dataclass(frozen=True, slots=True)
class RedisResources:
    """The client; None if REDIS_URL is empty."""

    client: "Client | None"


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[RedisResources]:
    settings = startup.settings.of(RedisSettings)
    if not settings.redis_url:
        yield RedisResources(None)
        return
    async with connected(startup, settings) as client:
        yield RedisResources(client)


@asynccontextmanager
async def connected(startup: Startup, settings: RedisSettings) -> AsyncIterator["Client"]:
    # redis-py imports the SDK of OpenTelemetry: 0.1 s of CPU for processes that have no Redis.
    from app.features.redis import client as redis

    connect = partial(redis.create_redis, settings.redis_url, is_cluster=settings.redis_cluster)
    client = connect()
    startup.health.add("redis", partial(redis.is_available, client))
    startup.notifications.publish = redis.RedisPublisher(client)
    # With a retry the client would resubscribe silently and miss messages published meanwhile.
    startup.create_listener = partial(redis.RedisListener, partial(connect, retries=0))
    startup.create_windows = partial(redis.RedisWindows, client)
    for each in startup.resources[Features].extensions("redis", RedisUse):
        each.connect(startup, settings)
    try:
        yield client
    finally:
        await client.aclose()
