"""Compiled INSERTs for hot paths, run on the driver connection of the transaction.

A flush and an execution by SQLAlchemy cost three times what the INSERT itself does. The
statements are still built from the models, and the unit of work still commits: see ADR 0020.
"""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import asyncpg
from pydantic_core import to_json
from sqlalchemy import Text, bindparam, column, func, insert, select
from sqlalchemy import cast as cast_as
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.base import Base
from app.db.compiled import CompiledStatement, R, columns_of
from app.db.driver_transaction import DriverTransaction
from app.db.errors import DatabaseUnavailable, database_errors, is_unusable_after
from app.db.instrumentation import observe
from app.runtime.ids import uuid7

# A transaction with an ORM session, which costs more, or without.
Transaction = AsyncSession | DriverTransaction


def compiled_insert(
    model: type[Base], given: Sequence[str], *, returning: type[R]
) -> CompiledStatement[R]:
    """Compile an INSERT of one row; `given` are column names, to which `id` is added."""
    values: dict[str, Any] = {name: bindparam(name) for name in (*given, "id")}
    statement = insert(model).values(values)
    return CompiledStatement[R](statement.returning(*columns_of(model, returning)))


def compiled_insert_many(
    model: type[Base], given: Sequence[str], *, returning: type[R]
) -> CompiledStatement[R]:
    """Compile an INSERT of any number of rows in one statement: its triggers run once.

    The rows are sent as one JSON document, because arrays of arrays would lose their shape.
    """
    columns = [model.__table__.c[name] for name in (*given, "id")]
    document = cast_as(bindparam("rows", type_=Text), JSON)
    rows = func.json_to_recordset(document).table_valued(
        *(column(each.name, each.type) for each in columns)
    )
    source = select(*rows.render_derived(with_types=True).c)
    names = [each.name for each in columns]
    statement = insert(model).from_select(names, source)
    return CompiledStatement[R](statement.returning(*columns_of(model, returning)))


async def insert_one(session: Transaction, query: CompiledStatement[R], **values: Any) -> R:
    """Insert a row and return its RETURNING columns.

    Raises:
        AppError: as `database_errors` translates it.
    """
    (row,) = await run(session, query, id=uuid7(), **values)
    return row


async def insert_many(
    session: Transaction, query: CompiledStatement[R], rows: Sequence[Mapping[str, Any]]
) -> list[R]:
    """Insert rows by a `compiled_insert_many`; return the RETURNING columns in the order of `rows`.

    Raises:
        AppError: as `database_errors` translates it.
    """
    numbered = [{**row, "id": uuid7()} for row in rows]
    inserted = await run(session, query, rows=to_json(numbered).decode())
    by_id = {row["id"]: row for row in inserted}
    return [by_id[row["id"]] for row in numbered]


async def run(session: Transaction, query: CompiledStatement[R], **values: Any) -> list[R]:
    """Run a statement in the transaction and return its rows; flush no pending objects.

    Raises:
        AppError: as `database_errors` translates it.
    """
    async with observed_connection(session, query) as connection:
        records = await connection.fetch(query.sql, *query.arguments(values))
    return [query.row(record) for record in records]


@asynccontextmanager
async def observed_connection(
    session: Transaction, query: CompiledStatement[Any]
) -> AsyncIterator[asyncpg.Connection]:
    """Yield the driver connection of the transaction for one statement, which is observed."""
    connection = await driver_connection(session)
    started = time.perf_counter()
    try:
        with database_errors():
            yield connection
    except BaseException as error:
        await invalidate_if_unusable(session, error)
        raise
    finally:
        observe(query.sql, time.perf_counter() - started)


async def driver_connection(session: Transaction) -> asyncpg.Connection:
    if isinstance(session, DriverTransaction):
        return await session.connection()
    connection = await session.connection()
    pooled = await connection.get_raw_connection()
    raw = cast("asyncpg.Connection", pooled.driver_connection)
    if not raw.is_in_transaction():
        # SQLAlchemy begins with its own first statement, unless the ping did: app/db/engine.py.
        await connection.exec_driver_sql("SELECT")
    return raw


async def invalidate_if_unusable(session: Transaction, error: BaseException) -> None:
    """Invalidate the connection as SQLAlchemy does, so that it is not reused from the pool."""
    cause = error.__cause__ or error
    is_lost = isinstance(error, DatabaseUnavailable) or not isinstance(error, Exception)
    if not (is_lost or is_unusable_after(cause)):
        return
    if isinstance(session, DriverTransaction):
        session.invalidate()
    else:
        await (await session.connection()).invalidate(cause)
