"""The queue of pgqueuer, in a schema of its own: which task is due, and who works at it.

A row there holds the id of a task and nothing else; what is to be done stands in `tasks`.
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

from app.db.compiled import Query
from app.db.session import AsyncSession

SCHEMA = "queue"
# Given here and not read from the environment: the migration made the tables with them.
# Balanced: jobs survive a crash of the server, the log of them need not.
TABLES = DBSettings(db_schema=SCHEMA, durability=Durability.balanced)
PUSH = QueryQueueBuilder(TABLES).build_enqueue_query()

JOBS = table(
    "pgqueuer", column("payload"), column("status"), column("execute_after"), schema=SCHEMA
)
IS_DUE = (cast(JOBS.c.status, Text) == "queued") & (JOBS.c.execute_after <= func.now())
OLDEST_SECONDS = func.extract("epoch", func.max(func.now() - JOBS.c.execute_after))
DUE = Query(
    select(
        func.count().label("waiting"),
        func.coalesce(cast(OLDEST_SECONDS, Float), 0.0).label("oldest_seconds"),
    )
    .select_from(JOBS)
    .where(IS_DUE)
)


def has_forgotten(task_id: SQLColumnExpression[uuid.UUID]) -> ColumnElement[bool]:
    """Whether the queue holds no job for the task."""
    return ~select(JOBS.c.payload).where(JOBS.c.payload == func.uuid_send(task_id)).exists()


async def push(session: AsyncSession, kind: str, task_id: uuid.UUID, *, delay: timedelta) -> None:
    """Have the task done once, and only if, the transaction commits."""
    # Through SQLAlchemy's connection: on the driver's own, the statement could come before the
    # transaction has begun, and would then be committed alone.
    connection = await session.connection()
    columns = ([0], [kind], [task_id.bytes], [delay], [None], [None])
    await connection.exec_driver_sql(PUSH, columns)


def queries(connection: Connection) -> Queries:
    """What pgqueuer's managers speak through; the connection serves them alone."""
    return Queries(
        AsyncpgDriver(connection),
        qbe=QueryBuilderEnvironment(TABLES),
        qbq=QueryQueueBuilder(TABLES),
        qbs=QuerySchedulerBuilder(TABLES),
    )


async def delete_old_log(session: AsyncSession, kept: timedelta) -> None:
    """Delete pgqueuer's records of what became of jobs, which it never does itself."""
    for name in ("pgqueuer_log", "pgqueuer_statistics"):
        log = table(name, column("created"), schema=SCHEMA)
        await session.execute(delete(log).where(log.c.created < func.now() - kept))
