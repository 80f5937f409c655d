"""The statement that enqueues a job, compared with the one of pgqueuer."""

import uuid
from datetime import timedelta
from typing import Any

from fastapi import FastAPI
from pgqueuer.adapters.persistence.qb import QueryQueueBuilder

from app.db.unit_of_work import UnitOfWork
from app.features.background_jobs import queue
from app.features.background_jobs.pgqueuer import TABLES
from tests.state import units_of_work

# All columns: a new one that pgqueuer's statement sets makes the rows differ.
JOBS = "SELECT * FROM queue.pgqueuer WHERE payload = $1 ORDER BY id"
LOGGED = "SELECT * FROM queue.pgqueuer_log WHERE job_id = ANY($1::bigint[]) ORDER BY job_id"
IDENTITY = {"id", "job_id"}


async def push_by_pgqueuer(uow: UnitOfWork, task_id: uuid.UUID, delay: timedelta) -> None:
    statement = QueryQueueBuilder(TABLES).build_enqueue_query()
    await uow.fetch(statement, [0], ["note"], [task_id.bytes], [delay], [None], [None])


def content(rows: Any) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in IDENTITY} for row in rows]


async def test_writes_the_rows_that_pgqueuer_writes(app: FastAPI) -> None:
    task_id, delay = uuid.uuid4(), timedelta(hours=1)

    # In one transaction, so that now() is the same in both.
    async with units_of_work(app).begin() as uow:
        await queue.push(uow, "note", task_id, delay=delay)
        await push_by_pgqueuer(uow, task_id, delay)
        jobs = await uow.fetch(JOBS, task_id.bytes)
        logged = await uow.fetch(LOGGED, [job["id"] for job in jobs])

    ours, theirs = content(jobs)
    assert ours == theirs
    our_log, their_log = content(logged)
    assert our_log == their_log
