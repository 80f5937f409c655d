"""The queue of due tasks and their leases, in tables of pgqueuer.

A row of the queue holds only the id of a task; the job itself is in `tasks`. This module does not
import pgqueuer, because processes without a worker need only these statements.
"""

import uuid
from datetime import timedelta

from sqlalchemy import (
    ColumnElement,
    Float,
    SQLColumnExpression,
    Text,
    cast,
    column,
    delete,
    func,
    select,
    table,
)

from app.db.compiled import CompiledStatement
from app.db.unit_of_work import UnitOfWork

SCHEMA = "queue"
# What pgqueuer's own statement for one job writes; `test_queue.py` compares the two.
PUSH = f"""
WITH job AS (
    INSERT INTO {SCHEMA}.pgqueuer (entrypoint, payload, execute_after, priority, status)
    VALUES ($1, $2, now() + $3, 0, 'queued')
    RETURNING id, entrypoint, priority, status
)
INSERT INTO {SCHEMA}.pgqueuer_log (job_id, entrypoint, priority, status) SELECT * FROM job
"""  # noqa: S608  (our own name)

JOBS = table(
    "pgqueuer", column("payload"), column("status"), column("execute_after"), schema=SCHEMA
)
IS_DUE = (cast(JOBS.c.status, Text) == "queued") & (JOBS.c.execute_after <= func.now())
OLDEST_SECONDS = func.extract("epoch", func.max(func.now() - JOBS.c.execute_after))
DUE = CompiledStatement(
    select(
        func.count().label("waiting"),
        func.coalesce(cast(OLDEST_SECONDS, Float), 0.0).label("oldest_seconds"),
    )
    .select_from(JOBS)
    .where(IS_DUE)
)


def is_missing(task_id: SQLColumnExpression[uuid.UUID]) -> ColumnElement[bool]:
    """Return the condition that the queue has no job for the task."""
    return ~select(JOBS.c.payload).where(JOBS.c.payload == func.uuid_send(task_id)).exists()


async def push(uow: UnitOfWork, kind: str, task_id: uuid.UUID, *, delay: timedelta) -> None:
    """Enqueue the task when, and only if, the transaction commits."""
    await uow.fetch(PUSH, kind, task_id.bytes, delay)


async def delete_old_log(uow: UnitOfWork, retention: timedelta) -> None:
    """Delete pgqueuer's old log and statistics, which it never deletes itself."""
    for name in ("pgqueuer_log", "pgqueuer_statistics"):
        log = table(name, column("created"), schema=SCHEMA)
        await uow.session.execute(delete(log).where(log.c.created < func.now() - retention))
