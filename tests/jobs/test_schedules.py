"""Schedules: cleanup of expired rows, and one run for each time."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from fastapi import FastAPI
from pgqueuer.domain.models import Schedule as Due
from sqlalchemy import func, select

from app.features.auth.models.mailed_token import MailedToken, Purpose
from app.features.auth.models.throttle import Throttle
from app.features.users.models.session import UserSession
from app.features.users.models.user import User
from app.http.idempotency.models import IdempotencyKey
from app.jobs.models import Task, TaskStatus
from app.jobs.schedules import Schedule
from app.jobs.worker import Worker
from app.resources import Resources
from app.runtime.clock import now
from tests.conftest import Database, Save
from tests.factories import make_task
from tests.polling import eventually
from tests.state import opened, units_of_work

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
        Throttle(key=key, attempts=1, streak=1, window_ends_at=then),
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
    worker: Worker = opened(app)[Worker]
    purge = next(each for each in worker.schedules if each.name == "purge_expired")
    await purge.run(worker.resources)


class TestPurgeExpired:
    async def test_deletes_what_has_expired_and_nothing_else(
        self, app: FastAPI, user: User, save: Save
    ) -> None:
        fresh, stale = rows(user, timedelta(0)), rows(user, LONG_AGO)
        for row in (*fresh, *stale):
            await save(row)

        await purge_expired(app)

        assert set((await counts(app, [type(row) for row in fresh])).values()) == {1}

    @pytest.mark.parametrize(
        ("table", "column"), [("pgqueuer_log", "job_id"), ("pgqueuer_statistics", "count")]
    )
    async def test_records_of_the_queue_go_as_well(
        self, app: FastAPI, database: Database, table: str, column: str
    ) -> None:
        await database(RECORDS.format(table=table, column=column))

        await purge_expired(app)

        left = await database(f"SELECT entrypoint FROM queue.{table} WHERE entrypoint ~ ' one'")
        await database(f"DELETE FROM queue.{table} WHERE entrypoint ~ ' one'")
        assert left == [{"entrypoint": "fresh one"}]

    async def test_failed_tasks_stay_until_somebody_has_looked(
        self, app: FastAPI, user: User, save: Save
    ) -> None:
        await save(make_task(user, status=TaskStatus.FAILED, finished_at=now() - LONG_AGO))

        await purge_expired(app)

        assert await counts(app, [Task]) == {"Task": 1}


class TestSchedules:
    async def test_each_runs(self, app: FastAPI) -> None:
        for schedule in opened(app)[Worker].schedules:
            await schedule.run(opened(app)[Worker].resources)

    async def test_each_time_falls_to_one_of_several_workers(self, app: FastAPI) -> None:
        noted = Noted()
        own = opened(app)[Worker]
        workers = [new_worker(own, noted) for _ in range(3)]
        for worker in workers:
            worker.start()

        await eventually(noted.has_come_thrice, seconds=30)
        for worker in workers:
            await worker.close()

        assert len(set(noted.times)) == len(noted.times)


def new_worker(own: Worker, schedule: "Noted") -> Worker:
    schedules = [cast("Schedule", schedule)]
    return Worker(own.connect, own.resources, jobs=(), schedules=schedules, concurrency=10)


class Noted:
    """A schedule of each second, which notes what it was called for."""

    name, cron = "noted", "* * * * * *"

    def __init__(self) -> None:
        self.times: list[datetime] = []

    def bound(self, _: Resources) -> Callable[[Due], Awaitable[None]]:
        async def note(due: Due) -> None:
            self.times.append(due.next_run)

        return note

    async def has_come_thrice(self) -> bool:
        return len(self.times) > 2
