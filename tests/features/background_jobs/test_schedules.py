"""Schedules: cleanup of expired rows, and one run for each time."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, cast

import pytest
from fastapi import FastAPI
from pgqueuer.domain.models import Schedule as Due
from sqlalchemy import func, select

from app.features.auth.models.mailed_token import MailedToken, Purpose
from app.features.auth.models.throttle import Throttle
from app.features.background_jobs.models import Task, TaskStatus
from app.features.background_jobs.schedules import Schedule
from app.features.background_jobs.worker import Worker
from app.features.idempotency.models import IdempotencyKey
from app.features.users.models.session import UserSession
from app.features.users.models.user import User
from app.resources import Resources
from app.runtime.clock import now
from tests.conftest import Database, Save
from tests.factories import make_task
from tests.polling import eventually
from tests.state import resources_of, units_of_work

LONG_AGO = timedelta(days=400)


def rows(user: User, age: timedelta) -> list[Any]:
    """One row of each kind, as old as `age`."""
    then = now() - age
    key = str(age)
    return [
        UserSession(
            user_id=user.id,
            scopes=[],
            rotated_at=then,
            last_used_at=then,
            idle_expires_at=then + timedelta(days=1),
            expires_at=then + timedelta(days=1),
        ),
        MailedToken(
            user_id=user.id,
            purpose=Purpose.VERIFY_EMAIL,
            email_canonical="",
            token_hash=key.encode(),
            expires_at=then + timedelta(hours=1),
        ),
        Throttle(key=key, attempts=1, consecutive_failures=1, window_ends_at=then),
        IdempotencyKey(
            caller="", key=key, fingerprint=b"", status=201, headers={}, body=b"", created_at=then
        ),
        make_task(user, status=TaskStatus.SUCCEEDED, finished_at=then),
    ]


RECORDS = """
INSERT INTO queue.{table} ({column}, created, entrypoint, priority, status) VALUES
    (1, now() - interval '8 days', 'old one', 0, 'successful'),
    (2, now() - interval '6 days', 'fresh one', 0, 'successful')
"""


async def counts(app: FastAPI, models: Sequence[type[Any]]) -> dict[str, int]:
    async with units_of_work(app).begin() as uow:
        return {
            model.__name__: await uow.session.scalar(select(func.count(model.id))) or 0
            for model in models
        }


async def purge_expired(app: FastAPI) -> None:
    worker: Worker = resources_of(app)[Worker]
    purge = next(each for each in worker.schedules if each.name == "purge_expired")
    await purge.run(worker.resources)


class TestPurgeExpired:
    async def test_deletes_only_expired_rows(self, app: FastAPI, user: User, save: Save) -> None:
        fresh, stale = rows(user, timedelta(0)), rows(user, LONG_AGO)
        for row in (*fresh, *stale):
            await save(row)

        await purge_expired(app)

        assert set((await counts(app, [type(row) for row in fresh])).values()) == {1}

    @pytest.mark.parametrize(
        ("table", "column"), [("pgqueuer_log", "job_id"), ("pgqueuer_statistics", "count")]
    )
    async def test_records_of_the_queue_are_purged(
        self, app: FastAPI, database: Database, table: str, column: str
    ) -> None:
        await database(RECORDS.format(table=table, column=column))

        await purge_expired(app)

        left = await database(f"SELECT entrypoint FROM queue.{table} WHERE entrypoint ~ ' one'")
        await database(f"DELETE FROM queue.{table} WHERE entrypoint ~ ' one'")
        assert left == [{"entrypoint": "fresh one"}]

    async def test_failed_tasks_are_not_purged(self, app: FastAPI, user: User, save: Save) -> None:
        await save(make_task(user, status=TaskStatus.FAILED, finished_at=now() - LONG_AGO))

        await purge_expired(app)

        assert await counts(app, [Task]) == {"Task": 1}


class TestSchedules:
    async def test_each_schedule_runs(self, app: FastAPI) -> None:
        for schedule in resources_of(app)[Worker].schedules:
            await schedule.run(resources_of(app)[Worker].resources)

    async def test_due_schedule_runs_in_one_of_several_workers(
        self, app: FastAPI, database: Database
    ) -> None:
        shared = Counted("shared")
        own = [Counted(f"worker {number}") for number in range(3)]
        await make_due(database, [shared, *own])
        workers = [new_worker(resources_of(app)[Worker], [shared, each]) for each in own]
        for worker in workers:
            worker.start()

        # A worker fetches all that is due at once: it has then also asked for the shared one.
        await eventually(lambda: all(each.runs for each in own))
        for worker in workers:
            await worker.close()

        assert shared.runs == 1


def new_worker(own: Worker, schedules: "list[Counted]") -> Worker:
    return Worker(
        own.connect,
        own.resources,
        jobs=(),
        schedules=cast("list[Schedule]", schedules),
        concurrency=10,
    )


async def make_due(database: Database, schedules: "list[Counted]") -> None:
    values = ", ".join(f"('{each.cron}', '{each.name}', now())" for each in schedules)
    await database(
        "INSERT INTO queue.pgqueuer_schedules (expression, entrypoint, next_run)"
        f" VALUES {values} ON CONFLICT (expression, entrypoint) DO UPDATE SET next_run = now()"
    )


class Counted:
    """A schedule of each New Year, which counts its runs."""

    cron = "0 0 1 1 *"

    def __init__(self, name: str) -> None:
        self.name = name
        self.runs = 0

    def bound(self, _: Resources) -> Callable[[Due], Awaitable[None]]:
        async def count(_: Due) -> None:
            self.runs += 1

        return count
