"""What happens by the clock, in one worker of all."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pgqueuer.domain.models import Schedule as Due

from app.db.session import AsyncSession, transaction
from app.features.auth.crud import email_changes, mailed_tokens, throttles
from app.features.dashboard import crud as dashboards
from app.features.events.crud import events
from app.features.files.jobs import sweep
from app.features.rooms import crud as room_messages
from app.features.streams.crud import sockets, tickets
from app.features.users.crud import sessions
from app.features.webhooks.crud import backlogs as webhook_backlogs
from app.features.webhooks.crud import deliveries as webhook_deliveries
from app.http.idempotency import crud as idempotency_keys
from app.jobs import crud as tasks
from app.jobs.job import Resources

CHORES: tuple[Callable[[AsyncSession], Awaitable[None]], ...] = (
    sessions.delete_expired,
    mailed_tokens.delete_expired,
    email_changes.delete_expired,
    throttles.delete_expired,
    idempotency_keys.delete_expired,
    tasks.delete_old,
    tickets.delete_expired,
    sockets.delete_expired,
    room_messages.delete_old,
    events.delete_old,
    webhook_backlogs.delete_expired,
    webhook_deliveries.delete_old,
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """`cron` has five fields, in UTC; a sixth one is for seconds."""

    name: str
    cron: str
    run: Callable[[Resources], Awaitable[object]]

    def bound(self, resources: Resources) -> Callable[[Due], Awaitable[None]]:
        async def run(_: Due) -> None:
            await self.run(resources)

        return run


async def purge_expired(resources: Resources) -> None:
    for chore in CHORES:
        async with transaction(resources.sessions) as session:
            await chore(session)


async def sweep_orphans(resources: Resources) -> None:
    await sweep(resources.storage, resources.reads)


async def requeue_lost_tasks(resources: Resources) -> None:
    async with transaction(resources.sessions) as session:
        await tasks.requeue_lost(session)


async def refresh_dashboard(resources: Resources) -> None:
    async with transaction(resources.sessions) as session:
        await dashboards.refresh(session)


SCHEDULES = (
    Schedule("purge_expired", "*/10 * * * *", purge_expired),
    Schedule("refresh_dashboard", "* * * * * */10", refresh_dashboard),
    Schedule("sweep_orphans", "23 * * * *", sweep_orphans),
    Schedule("requeue_lost_tasks", "* * * * *", requeue_lost_tasks),
)
