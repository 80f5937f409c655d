"""Lifespan of the response cache, which notifications of all processes invalidate."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from app.features.categories.response_cache import CHANNEL, ResponseCache
from app.startup import Startup


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[ResponseCache]:
    cache = ResponseCache()
    startup.notifications.on_notification(CHANNEL, cache.invalidate)
    startup.notifications.on_reconnect(cache.clear)
    startup.samplers.append(partial(cache.sample, "responses"))
    yield cache
