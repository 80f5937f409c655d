"""Compiled INSERTs for hot paths, run on the driver connection of the unit of work.

A flush and an execution by SQLAlchemy cost three times what the INSERT itself does. The
statements are still built from the models: see ADR 0020.
"""

from collections.abc import Sequence
from typing import Any

from pydantic_core import to_json
from sqlalchemy import Text, bindparam, column, func, insert, select
from sqlalchemy import cast as cast_as
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.orm import InstrumentedAttribute

from app.db.base import Base
from app.db.compiled import CompiledStatement, Row
from app.db.unit_of_work import UnitOfWork
from app.runtime.ids import uuid7


def compiled_insert(
    model: type[Base], given: Sequence[str], *, returning: Sequence[InstrumentedAttribute[Any]]
) -> CompiledStatement:
    """Compile an INSERT of one row; `given` are column names, to which `id` is added."""
    values: dict[str, Any] = {name: bindparam(name) for name in (*given, "id")}
    return CompiledStatement(insert(model).values(values).returning(*returning))


def compiled_insert_many(
    model: type[Base], given: Sequence[str], *, returning: Sequence[InstrumentedAttribute[Any]]
) -> CompiledStatement:
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
    return CompiledStatement(insert(model).from_select(names, source).returning(*returning))


async def insert_one(uow: UnitOfWork, query: CompiledStatement, **values: Any) -> Row:
    """Insert a row and return its RETURNING columns; raises as `UnitOfWork.execute`."""
    (row,) = await uow.execute(query, id=uuid7(), **values)
    return row


async def insert_many(uow: UnitOfWork, query: CompiledStatement, rows: Sequence[Row]) -> list[Row]:
    """Insert rows by a `compiled_insert_many`; return their RETURNING columns in the same order."""
    numbered = [{**row, "id": uuid7()} for row in rows]
    inserted = await uow.execute(query, rows=to_json(numbered).decode())
    by_id = {row["id"]: row for row in inserted}
    return [by_id[row["id"]] for row in numbered]
