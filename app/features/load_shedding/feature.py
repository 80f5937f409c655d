"""Load shedding: 503 for requests while the process is saturated, and 504 for late ones."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.feature import Feature
from app.features.load_shedding.concurrency_limit import ConcurrencyLimit
from app.features.load_shedding.middleware import LoadSheddingMiddleware
from app.features.load_shedding.settings import LoadSheddingSettings
from app.startup import Startup


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[ConcurrencyLimit]:
    limit = ConcurrencyLimit(startup.resources[LoadSheddingSettings])
    startup.samplers.append(limit.sample)
    yield limit


feature = Feature(
    name="load_shedding",
    middleware=(LoadSheddingMiddleware,),
    lifespan=lifespan,
)
