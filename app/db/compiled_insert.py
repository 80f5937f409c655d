"""Compiled INSERTs for hot paths, run on the driver connection of the unit of work.

A flush and an execution by SQLAlchemy cost three times what the INSERT itself does. The
statements are still built from the models: see ADR 0020.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_json
from sqlalchemy import Text, bindparam, column, func, insert, select, true
from sqlalchemy import cast as cast_as
from sqlalchemy.dialects.postgresql import JSON

from app.db.base import Base
from app.db.compiled import CompiledStatement, R, columns_of
from app.db.unit_of_work import UnitOfWork
from app.observability.request_context import AUDIT_NAMES, audit_context
from app.runtime.ids import uuid7


def compiled_insert(
    model: type[Base], given: Sequence[str], *, returning: type[R]
) -> CompiledStatement[R]:
    """Compile an INSERT of one row; `given` are column names, to which `id` is added.

    The statement applies the settings of `begin` in app/db/transaction.py: the context of audit
    triggers, and cached plans. Triggers run after its SELECT, and so with these settings.
    """
    columns = [model.__table__.c[name] for name in (*given, "id")]
    context = {name: bindparam(name, type_=Text) for name in AUDIT_NAMES}
    settings = [func.set_config(f"app.{name}", value, true()) for name, value in context.items()]
    cached_plans = func.set_config("plan_cache_mode", "auto", true())
    source = select(*(bindparam(each.name, type_=each.type) for each in columns)).select_from(
        select(*settings, cached_plans).subquery()
    )
    statement = insert(model).from_select([each.name for each in columns], source)
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


async def insert_one(uow: UnitOfWork, query: CompiledStatement[R], **values: Any) -> R:
    """Insert a row and return its RETURNING columns.

    Raises:
        AppError: as `database_errors` translates it.
    """
    (row,) = await uow.execute(query, id=uuid7(), **context_values(), **values)
    return row


async def insert_last(uow: UnitOfWork, query: CompiledStatement[R], **values: Any) -> R:
    """Insert a row as the last statement of the unit of work; otherwise as `insert_one`."""
    (row,) = await uow.execute_last(query, id=uuid7(), **context_values(), **values)
    return row


def context_values() -> dict[str, str]:
    return dict.fromkeys(AUDIT_NAMES, "") | audit_context()


async def insert_many(
    uow: UnitOfWork, query: CompiledStatement[R], rows: Sequence[Mapping[str, Any]]
) -> list[R]:
    """Insert rows by a `compiled_insert_many`; return the RETURNING columns in the order of `rows`.

    Raises:
        AppError: as `database_errors` translates it.
    """
    numbered = [{**row, "id": uuid7()} for row in rows]
    inserted = await uow.execute(query, rows=to_json(numbered).decode())
    by_id = {row["id"]: row for row in inserted}
    return [by_id[row["id"]] for row in numbered]
