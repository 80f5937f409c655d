"""Adapter to pgqueuer, whose queue has a schema of its own: due tasks and their leases.

A row of the queue holds only the id of a task; the job itself is in `tasks`.
"""

import uuid
from datetime import timedelta

from asyncpg import Connection
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import (
    DBSettings,
    Durability,
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.adapters.persistence.queries import Queries
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
# Set here and not from the environment: the migration created the tables with these settings.
# Balanced: jobs survive a crash of the server, their log need not.
TABLES = DBSettings(db_schema=SCHEMA, durability=Durability.balanced)
PUSH = QueryQueueBuilder(TABLES).build_enqueue_query()

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
    await uow.fetch(PUSH, [0], [kind], [task_id.bytes], [delay], [None], [None])


def queries(connection: Connection) -> Queries:
    """Return the query object of pgqueuer's managers, which need the connection to themselves."""
    return Queries(
        AsyncpgDriver(connection),
        qbe=QueryBuilderEnvironment(TABLES),
        qbq=QueryQueueBuilder(TABLES),
        qbs=QuerySchedulerBuilder(TABLES),
    )


async def delete_old_log(uow: UnitOfWork, retention: timedelta) -> None:
    """Delete pgqueuer's old log and statistics, which it never deletes itself."""
    for name in ("pgqueuer_log", "pgqueuer_statistics"):
        log = table(name, column("created"), schema=SCHEMA)
        await uow.session.execute(delete(log).where(log.c.created < func.now() - retention))
