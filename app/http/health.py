"""Health checks of the dependencies, cached for a few seconds and shared by all callers."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal

from pydantic import Field

from app.config.settings import Settings
from app.errors import AppError
from app.http.schemas import ResponseModel
from app.observability.logging import get_logger
from app.runtime.single_flight_cache import SingleFlightCache

READINESS_SECONDS = 1.0

PROBES = frozenset({"/liveness", "/readiness", "/health", "/metrics"})

Check = Callable[[], Awaitable[bool]]

log = get_logger("system")


class DependencyHealth(ResponseModel):
    status: Literal["ok", "down"]
    """Whether the dependency responds."""
    latency_milliseconds: float = Field(ge=0, le=60_000, examples=[0.8])
    """Time until it responded, in milliseconds."""


class HealthChecks:
    """The checks of all dependencies; callers of this process share the outcome."""

    def __init__(self, settings: Settings) -> None:
        self._seconds = settings.health_cache_seconds
        self._timeout = settings.health_timeout_seconds
        self._health = SingleFlightCache[str, dict[str, DependencyHealth]](max_entries=1)
        self._readiness = SingleFlightCache[str, bool](max_entries=1)
        self._checks: dict[str, Check] = {}

    def add(self, name: str, check: Check) -> None:
        """Add the check of a dependency."""
        self._checks[name] = check

    async def dependencies(self) -> dict[str, DependencyHealth]:
        """Check all dependencies, at most once within HEALTH_CACHE_SECONDS."""
        return await self._health.get("health", self._check_all)

    async def is_ready(self) -> bool:
        """Check the database, at most once per second."""
        return await self._readiness.get("readiness", self._check_database)

    async def _check_all(self) -> tuple[dict[str, DependencyHealth], float]:
        probes = (self._probe(name, check()) for name, check in self._checks.items())
        health = dict(zip(self._checks, await asyncio.gather(*probes), strict=True))
        return health, self._seconds

    async def _check_database(self) -> tuple[bool, float]:
        is_ready = await self._succeeds("database", self._checks["database"]())
        # Load balancers act on it, so it follows the database within a second.
        return is_ready, min(self._seconds, READINESS_SECONDS)

    async def _probe(self, name: str, check: Awaitable[bool]) -> DependencyHealth:
        started = time.perf_counter()
        status: Literal["ok", "down"] = "ok" if await self._succeeds(name, check) else "down"
        milliseconds = (time.perf_counter() - started) * 1000
        return DependencyHealth(status=status, latency_milliseconds=round(milliseconds, 2))

    async def _succeeds(self, name: str, check: Awaitable[bool]) -> bool:
        """Return the outcome of a check; the reason of a failure is only logged."""
        try:
            async with asyncio.timeout(self._timeout):
                return await check
        except (AppError, TimeoutError) as error:
            log.warning("probe failed", dependency=name, reason=type(error).__name__)
            return False
