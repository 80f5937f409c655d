"""Lifespan of the external API client (or of the demo API in development) and its cache."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.config.settings import Settings
from app.features.external.cache import Cache
from app.features.external.circuit_breaker import CircuitBreakers
from app.features.external.client import ExternalApi
from app.features.external.settings import ExternalSettings
from app.features.external.store import NoStore, Stores
from app.features.external.upstream import Upstream
from app.observability.logging import get_logger
from app.startup import Startup

log = get_logger("external")


@dataclass(frozen=True, slots=True)
class ExternalResources:
    """The client; None if no external API is configured."""

    api: ExternalApi | None


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[ExternalResources]:
    settings, breakers = startup.settings, CircuitBreakers()
    stores = startup.resources.find(Stores) or Stores(NoStore)
    cache = Cache(stores.open())
    async with external_service(settings, breakers, cache) as api:
        try:
            yield ExternalResources(api)
        finally:
            # Before the API client is closed, because running loads use it.
            await cache.close()


@asynccontextmanager
async def external_service(
    settings: Settings, breakers: CircuitBreakers, cache: Cache
) -> AsyncIterator[ExternalApi | None]:
    """Yield the client of the configured API or, in development, of the demo API."""
    own = settings.of(ExternalSettings)
    if own.external_api_url:
        async with connected(own.external_api_url, own, breakers, cache) as api:
            yield api
    elif settings.environment == "production":
        log.warning("EXTERNAL_API_URL is empty: external endpoints return 503")
        yield None
    else:
        from app.devtools.demo_upstream import DemoApi, serving  # It imports a server.

        async with serving(DemoApi()) as url, connected(url, own, breakers, cache) as api:
            yield api


@asynccontextmanager
async def connected(
    url: str, settings: ExternalSettings, breakers: CircuitBreakers, cache: Cache
) -> AsyncIterator[ExternalApi]:
    key = settings.external_api_key.get_secret_value()
    upstream = Upstream(url, key=key, breakers=breakers)
    try:
        yield ExternalApi(upstream, cache)
    finally:
        await upstream.close()
