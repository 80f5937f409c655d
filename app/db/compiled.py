"""Compiled statements: written with the models, compiled once, run without the ORM. ADR 0002."""

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Generic, cast

import asyncpg
from sqlalchemy import ARRAY, JSON, ColumnElement, Dialect, Float, Select
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.types import TypeEngine
from typing_extensions import TypeVar

from app.db.base import Base

# Of a statement whose row type is not given: its columns are only known at run time, or its row
# does not leave the module.
Row = dict[str, Any]
R = TypeVar("R", bound=Mapping[str, Any], default=Row)
Values = Mapping[str, Any]
Convert = Callable[[Any], Any]

DIALECT: Dialect = asyncpg_dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's
NUMERIC, FLOAT8 = 1700, 701  # pg_type.oid


class CompiledStatement(Generic[R]):
    """A statement compiled once; bound parameters are given by name when it runs.

    The row type is a `TypedDict` of the selected columns, next to the model:
    `CompiledStatement[ItemRow](select(...))`. tests/db/test_rows.py compares the two.
    """

    def __init__(
        self, statement: Select[*tuple[Any, ...]] | ReturningInsert[*tuple[Any, ...]]
    ) -> None:
        compiled = statement.compile(dialect=DIALECT)
        self.sql = str(compiled)
        self._defaults = dict(compiled.params)
        processors = {
            name: bind_conversion(bind.type) for bind, name in compiled.bind_names.items()
        }
        self._binds = [(name, processors[name]) for name in compiled.positiontup or ()]
        self.columns = list(statement.exported_columns)
        self._conversions = [
            (str(column.key), convert)
            for column in self.columns
            if isinstance(column, ColumnElement) and (convert := conversion(column.type))
        ]

    def arguments(self, values: Values) -> list[Any]:
        """Return the values in the order of `$1`, `$2` ..., as SQLAlchemy would send them."""
        given = {**self._defaults, **values}
        return [convert(given[name]) if convert else given[name] for name, convert in self._binds]

    def rows(self, records: Sequence[asyncpg.Record]) -> list[R]:
        """Return the records as dictionaries, their values converted as SQLAlchemy would."""
        rows = [dict(record.items()) for record in records]
        for key, convert in self._conversions:
            for row in rows:
                row[key] = convert(row[key])
        return cast("list[R]", rows)


def columns_of(model: type[Base], row_type: type[Any]) -> list[InstrumentedAttribute[Any]]:
    """Return the columns of the model that the row type names, in its order."""
    return [getattr(model, name) for name in row_type.__annotations__]


def bind_conversion(type_: TypeEngine[Any]) -> Convert | None:
    """Return the conversion that SQLAlchemy applies to values of this type before asyncpg."""
    return type_.dialect_impl(DIALECT).bind_processor(DIALECT)


def conversion(type_: TypeEngine[Any]) -> Convert | None:
    """Return the conversion that SQLAlchemy applies to values of this type after asyncpg."""
    if isinstance(type_, JSON):
        return None  # Decoded already: SQLAlchemy sets a codec on its connections.
    if isinstance(type_, ARRAY) and conversion(type_.item_type) is None:
        return None  # asyncpg's list already; SQLAlchemy would only copy it.
    # asyncpg decodes `numeric` to Decimal and `float8` to float; only numeric types use the oid.
    oid = FLOAT8 if isinstance(type_, Float) else NUMERIC
    return cast("Convert | None", type_.dialect_impl(DIALECT).result_processor(DIALECT, oid))


def decode_json(document: str | None) -> Any:
    # Amounts in snapshots of rows keep their two decimal places.
    return None if document is None else json.loads(document, parse_float=Decimal)
