"""Health checks of the dependencies, shared by all callers and kept for some seconds."""

import asyncio
import time
from collections.abc import Awaitable
from functools import partial
from typing import Literal

from pydantic import Field
from starlette.datastructures import State

from app.config.settings import Settings
from app.db.executor import ReadPool
from app.db.revisions import is_migrated
from app.errors import AppError
from app.features.redis.client import answers
from app.http.schemas import Out
from app.jobs import crud as tasks
from app.observability.logging import get_logger
from app.runtime.shared_result import SharedResult

# Below the time that orchestrators and load balancers commonly give a probe.
PROBE_SECONDS = 2.0
READINESS_SECONDS = 1.0
# A job that is due for so long is one that nobody works on.
LONGEST_WAIT_SECONDS = 60.0

log = get_logger("system")


class DependencyHealth(Out):
    status: Literal["ok", "down"]
    latency_milliseconds: float = Field(ge=0, le=60_000, examples=[0.8])


class Probes:
    """The latest outcome of each probe route, shared by all callers of this process."""

    def __init__(self, settings: Settings) -> None:
        seconds = settings.health_cache_seconds
        self.health = SharedResult[dict[str, DependencyHealth]](lifetime_seconds=seconds)
        # Load balancers act on it, and it is to follow the database within a second.
        self.readiness = SharedResult[bool](lifetime_seconds=min(seconds, READINESS_SECONDS))


async def dependencies(state: State) -> dict[str, DependencyHealth]:
    """Check each of them, also when another one is down, at most once in some seconds."""
    probes: Probes = state.probes
    return await probes.health.get(partial(check_all, state))


async def is_ready(state: State) -> bool:
    """Check the database, at most once in a second."""
    probes: Probes = state.probes
    return await probes.readiness.get(lambda: succeeds("database", is_migrated(state.reads)))


async def check_all(state: State) -> dict[str, DependencyHealth]:
    checks: dict[str, Awaitable[bool]] = {
        "database": is_migrated(state.reads),
        "storage": state.storage.answers(),
        "mail": state.mailer.answers(),
        "queue": is_worked_on(state.reads),
    }
    if state.replica:
        checks["replica"] = state.replica.becomes_level()
    if state.redis:
        checks["redis"] = answers(state.redis)
    states = await asyncio.gather(*(probe(name, check) for name, check in checks.items()))
    return dict(zip(checks, states, strict=True))


async def is_worked_on(reads: ReadPool) -> bool:
    _, oldest_seconds = await tasks.waiting(reads)
    return oldest_seconds < LONGEST_WAIT_SECONDS


async def probe(name: str, check: Awaitable[bool]) -> DependencyHealth:
    started = time.perf_counter()
    status: Literal["ok", "down"] = "ok" if await succeeds(name, check) else "down"
    milliseconds = (time.perf_counter() - started) * 1000
    return DependencyHealth(status=status, latency_milliseconds=round(milliseconds, 2))


async def succeeds(name: str, check: Awaitable[bool]) -> bool:
    """The outcome of a check; operators find the reason of a failure in the log alone."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            return await check
    except (AppError, TimeoutError) as error:
        log.warning("probe failed", dependency=name, reason=type(error).__name__)
        return False
