"""Lifespan: the limiter of exports."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.http.concurrency_limiter import ConcurrencyLimiter
from app.startup import Startup


@dataclass(frozen=True, slots=True)
class ItemResources:
    exports: ConcurrencyLimiter


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[ItemResources]:
    settings = startup.settings
    limits = {"per_user": settings.exports_per_user, "per_process": settings.exports_per_process}
    yield ItemResources(ConcurrencyLimiter("exports", **limits))
