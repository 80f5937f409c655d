"""Schedules: functions that run by a cron expression, in one worker of all processes."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from app.db.resources import DatabaseResources
from app.db.unit_of_work import UnitOfWork
from app.features.background_jobs import crud as tasks
from app.resources import Resources


@dataclass(frozen=True, slots=True)
class Schedule:
    """`cron` has five fields, in UTC, and a sixth for seconds. `name` is stored: keep it."""

    name: str
    cron: str
    run: Callable[[Resources], Awaitable[object]]

    def bound(self, resources: Resources) -> Callable[[object], Awaitable[None]]:
        async def run(_: object) -> None:
            await self.run(resources)

        return run


def purge_expired(cleanup: Sequence[Callable[[UnitOfWork], Awaitable[None]]]) -> Schedule:
    """Return the schedule that runs each cleanup in a transaction of its own."""
    return Schedule("purge_expired", "*/10 * * * *", partial(purge, tuple(cleanup)))


async def purge(
    cleanup: Sequence[Callable[[UnitOfWork], Awaitable[None]]], resources: Resources
) -> None:
    for delete_expired in cleanup:
        async with resources[DatabaseResources].units_of_work.begin() as uow:
            await delete_expired(uow)


async def requeue(resources: Resources) -> None:
    async with resources[DatabaseResources].units_of_work.begin() as uow:
        await tasks.requeue_lost(uow)


REQUEUE_LOST_TASKS = Schedule("requeue_lost_tasks", "* * * * *", requeue)
