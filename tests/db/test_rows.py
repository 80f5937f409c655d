"""Row types have the columns of their statements, and pages of rows the bytes of their schemas."""

import enum
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import pytest
from asyncpg.pgproto import pgproto
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from sqlalchemy import JSON
from typing_extensions import TypedDict, is_typeddict

import app
from app.db.compiled import CompiledStatement
from app.db.listing import Listing
from app.http.pagination import page_serializer
from app.http.schemas import Page, ResponseModel

MODULES = [
    import_module(each.name)
    for each in walk_packages(app.__path__, "app.")
    if {"crud", "models", "schemas"} & set(each.name.split("."))
]
# Selected by statements that leave out the rows in which they are NULL.
NOT_NULL = {"backlog_transaction_id", "backlog_event_id"}
SERIALIZED = re.compile(r"pagination\.respond\(page, (\w+)Row\)")
UNIONS = {UnionType, Union}
times = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    NoneType: st.none(),
    bool: st.booleans(),
    int: st.just(100),  # Within the bounds of every schema.
    str: text,
    Decimal: st.decimals(0, "99999.99", places=2),
    date: st.dates(),
    datetime: times,
    uuid.UUID: st.uuids().map(lambda value: pgproto.UUID(value.bytes)),
    dict: st.dictionaries(text, st.none() | st.booleans() | st.decimals(0, 9, places=2) | text),
}


def statements() -> Iterator[Any]:
    for module in MODULES:
        for name, value in vars(module).items():
            row_type = get_args(getattr(value, "__orig_class__", None))
            is_declared_here = isinstance(value, CompiledStatement | Listing)
            if is_declared_here and row_type and is_typeddict(row_type[0]):
                yield pytest.param(value, row_type[0], id=f"{module.__name__}.{name}")


def named(name: str) -> Any:
    return next(getattr(module, name) for module in MODULES if hasattr(module, name))


def serialized() -> Iterator[Any]:
    """Row type and schema of each list that is serialized without validation."""
    sources = [path.read_text() for path in Path(app.__file__).parent.rglob("*router*.py")]
    names = {name for source in sources for name in SERIALIZED.findall(source)}
    assert names, "Pagination.respond is not called with a row type."
    for name in names:
        yield pytest.param(named(f"{name}Row"), named(f"{name}Read"), id=name)


def without_none(hint: Any) -> set[Any]:
    types = get_args(hint) if get_origin(hint) in UNIONS else (hint,)
    return {get_origin(each) or each for each in types} - {NoneType}


def python_type(column: Any) -> type[Any]:
    return dict if isinstance(column.type, JSON) else column.type.python_type


@pytest.mark.parametrize(("statement", "row_type"), list(statements()))
def test_row_type_has_the_selected_columns(
    statement: CompiledStatement[Any] | Listing[Any], row_type: type[Any]
) -> None:
    hints = get_type_hints(row_type)
    columns = {str(column.key): column for column in statement.columns}

    assert list(columns) == list(hints)
    for name, column in columns.items():
        assert without_none(hints[name]) == {python_type(column)}, name
        if getattr(column, "nullable", False) and name not in NOT_NULL:
            assert NoneType in get_args(hints[name]), name


def values(hint: Any, metadata: tuple[Any, ...] = ()) -> st.SearchStrategy[Any]:
    """Values that the schema accepts, as a driver returns them."""
    for pattern in (each.pattern for each in metadata if getattr(each, "pattern", None)):
        return st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True)
    hint = getattr(hint, "__value__", hint)  # of a named alias
    parts = get_args(hint)
    if get_origin(hint) is Annotated:
        found = values(parts[0], parts[1:])
    elif get_origin(hint) in UNIONS:
        found = st.one_of(*map(values, parts))
    elif get_origin(hint) is list:
        found = st.lists(values(parts[0]), max_size=3)
    else:
        found = plain_values(hint)
    return found


def plain_values(hint: Any) -> st.SearchStrategy[Any]:
    is_enumeration = isinstance(hint, type) and issubclass(hint, enum.Enum)
    return st.sampled_from(hint) if is_enumeration else VALUES[get_origin(hint) or hint]


def row_of(schema: type[BaseModel], row_type: type[Any]) -> st.SearchStrategy[dict[str, Any]]:
    hints = get_type_hints(row_type)
    fields = {
        name: values(field.annotation, tuple(field.metadata))
        for name, field in schema.model_fields.items()
    }
    return st.fixed_dictionaries(fields).map(
        lambda row: {name: stored(row[name], hint) for name, hint in hints.items()}
    )


def stored(value: Any, hint: Any) -> Any:
    """Return the member of an enumeration as text unless the row has members."""
    if isinstance(value, list):
        return [stored(each, get_args(hint)[0]) for each in value]
    return value.value if isinstance(value, enum.Enum) and str in without_none(hint) else value


@pytest.mark.parametrize(("row_type", "schema"), list(serialized()))
@settings(max_examples=20)
@given(data=st.data())
def test_page_of_rows_has_the_bytes_of_validated_ones(
    row_type: Any, schema: type[BaseModel], data: st.DataObject
) -> None:
    rows = data.draw(st.lists(row_of(schema, row_type), min_size=1, max_size=2))
    page = {"items": rows, "next_cursor": data.draw(st.none() | text), "total": None}
    model = Page[schema]  # type: ignore[valid-type]  # a parameter
    validated = model.model_validate(page)

    assert page_serializer(row_type, model).to_json(page) == validated.model_dump_json().encode()


def test_row_with_a_field_that_the_schema_lacks_is_rejected() -> None:
    class Shown(ResponseModel):
        name: str

    class Stored(TypedDict):
        name: str
        secret: str

    with pytest.raises(TypeError, match="other fields"):
        page_serializer(Stored, Page[Shown])
