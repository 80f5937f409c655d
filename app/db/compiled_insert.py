"""Writes without the ORM, for the hot ones: on the driver connection of the transaction.

A flush and an execution by SQLAlchemy cost three times what the INSERT itself does. Here
the models still say what is written, and the unit of work still commits: see ADR 0020.
"""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import asyncpg
from pydantic_core import to_json
from sqlalchemy import Text, bindparam, column, func, insert, select
from sqlalchemy import cast as cast_as
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.db.base import Base
from app.db.compiled import Query, Row
from app.db.driver_transaction import DriverTransaction
from app.db.errors import DatabaseUnavailable, database_errors, is_useless_after
from app.db.instrumentation import observe
from app.runtime.ids import uuid7

# Where a statement can run: with a session around it, which costs more, or without.
Transaction = AsyncSession | DriverTransaction


def compiled_insert(
    model: type[Base], given: Sequence[str], *, returning: Sequence[InstrumentedAttribute[Any]]
) -> Query:
    """An INSERT of one row, compiled once; `given` are names of columns, and `id` comes besides."""
    values: dict[str, Any] = {name: bindparam(name) for name in (*given, "id")}
    return Query(insert(model).values(values).returning(*returning))


def compiled_insert_many(
    model: type[Base], given: Sequence[str], *, returning: Sequence[InstrumentedAttribute[Any]]
) -> Query:
    """The same for any number of rows, in one statement: triggers run once for all of them.

    They come as one JSON document, because arrays of arrays would lose their shape.
    """
    columns = [model.__table__.c[name] for name in (*given, "id")]
    document = cast_as(bindparam("rows", type_=Text), JSON)
    rows = func.json_to_recordset(document).table_valued(
        *(column(each.name, each.type) for each in columns)
    )
    source = select(*rows.render_derived(with_types=True).c)
    names = [each.name for each in columns]
    return Query(insert(model).from_select(names, source).returning(*returning))


async def insert_one(session: Transaction, query: Query, **values: Any) -> Row:
    """Insert a row and return what the statement returns of it; raises like a flush."""
    (row,) = await run(session, query, id=uuid7(), **values)
    return row


async def insert_many(session: Transaction, query: Query, rows: Sequence[Row]) -> list[Row]:
    """Insert many rows by an `insertion_of_many`; the result is in their order."""
    numbered = [{**row, "id": uuid7()} for row in rows]
    made = await run(session, query, rows=to_json(numbered).decode())
    by_id = {row["id"]: row for row in made}
    return [by_id[row["id"]] for row in numbered]


async def run(session: Transaction, query: Query, **values: Any) -> list[Row]:
    """The rows of a statement within the transaction; what is pending is not flushed first."""
    async with driver(session, query) as connection:
        records = await connection.fetch(query.sql, *query.arguments(values))
    return [query.row(record) for record in records]


@asynccontextmanager
async def driver(session: Transaction, query: Query) -> AsyncIterator[asyncpg.Connection]:
    """The connection of the transaction, for one statement."""
    connection = await driver_of(session)
    started = time.perf_counter()
    try:
        with database_errors():
            yield connection
    except BaseException as error:
        await drop_if_useless(session, error)
        raise
    finally:
        observe(query.sql, time.perf_counter() - started)


async def driver_of(session: Transaction) -> asyncpg.Connection:
    if isinstance(session, DriverTransaction):
        return await session.connection()
    connection = await session.connection()
    pooled = await connection.get_raw_connection()
    raw = cast("asyncpg.Connection", pooled.driver_connection)
    if not raw.is_in_transaction():
        # SQLAlchemy begins with its own first statement, unless the ping did: app/db/engine.py.
        await connection.exec_driver_sql("SELECT")
    return raw


async def drop_if_useless(session: Transaction, error: BaseException) -> None:
    """As SQLAlchemy does where it runs the statement: nobody must get it from the pool again."""
    cause = error.__cause__ or error
    is_lost = isinstance(error, DatabaseUnavailable) or not isinstance(error, Exception)
    if not (is_lost or is_useless_after(cause)):
        return
    if isinstance(session, DriverTransaction):
        session.invalidate()
    else:
        await (await session.connection()).invalidate(cause)
