"""Lifespan: the limiter of exports."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.features.items.settings import ItemSettings
from app.http.concurrency_limiter import ConcurrencyLimiter
from app.startup import Startup


@dataclass(frozen=True, slots=True)
class ItemResources:
    exports: ConcurrencyLimiter


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[ItemResources]:
    per_user = startup.settings.of(ItemSettings).exports_per_user
    per_process = startup.settings.exports_per_process
    exports = ConcurrencyLimiter("exports", per_user=per_user, per_process=per_process)
    yield ItemResources(exports)
