"""Lists: filters, sorts and keyset pages, declared once per collection.

A cursor page starts after the last row of the previous page, so that it costs the same at any
depth, and rows inserted or deleted in between do not shift it.
"""

import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Generic

from sqlalchemy import (
    ColumnElement,
    Integer,
    Label,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.orm import InstrumentedAttribute

from app.db.executor import CompiledStatement, R, Reader

Filter = Callable[[], ColumnElement[bool]]
# Values of the filters of a listing, by name; None if a filter does not apply.
Filters = Mapping[str, Any]
Column = InstrumentedAttribute[Any]

PARSERS: dict[type, Callable[[str], Any]] = {
    uuid.UUID: uuid.UUID,
    datetime: datetime.fromisoformat,
    Decimal: Decimal,
    int: int,
    str: str,
}


@dataclass(frozen=True, slots=True)
class PageRequest:
    """`sort` names fields, prefixed with `-` for descending; `after` is the key of the last row."""

    limit: int = 20
    skip: int = 0
    sort: tuple[str, ...] = ()
    after: tuple[str, ...] | None = None
    include_total: bool = False


@dataclass(frozen=True, slots=True)
class PageRows(Generic[R]):
    """`last` is the key for requesting the next page, None on the last page."""

    items: list[R]
    last: tuple[str, ...] | None
    total: int | None


@dataclass(frozen=True, slots=True)
class Shape:
    """Cache key of a list statement: equal shapes differ only in bound parameters."""

    filters: frozenset[str]
    sort: tuple[str, ...]
    is_continued: bool
    limit: int
    has_skip: bool


class Listing(Generic[R]):
    """A collection that can be listed: `Listing[ItemRow](columns_of(Item, ItemRow), ...)`.

    `filters` are conditions on bound parameters of the same name; `sorts` are columns
    that hold no NULL; `key` makes the order total.
    """

    def __init__(
        self,
        columns: Sequence[Column | Label[Any]],
        *,
        where: Sequence[ColumnElement[bool]],
        filters: Mapping[str, Filter],
        sorts: Mapping[str, Column],
        default_sort: tuple[str, ...],
        key: Column,
    ) -> None:
        self.name: str = key.class_.__tablename__
        self.columns = columns
        self.where = where
        self.filters = filters
        self.sorts = sorts
        self.default_sort = default_sort
        self.key = key
        self._page = lru_cache(maxsize=1024)(self.page_query)
        self._total = lru_cache(maxsize=256)(self.total_query)
        self._whole = lru_cache(maxsize=256)(self.whole_query)

    async def page(self, reads: Reader, request: PageRequest, values: Filters) -> PageRows[R]:
        """Return one page of the rows that match every filter that has a value."""
        given = {name: value for name, value in values.items() if value is not None}
        names = frozenset(given) & frozenset(self.filters)
        sort = request.sort or self.default_sort
        shape = Shape(names, sort, request.after is not None, request.limit, request.skip > 0)
        rows = await reads.all(
            self._page(shape), **given, skip=request.skip, **self.key_values(sort, request.after)
        )
        total = await reads.scalar(self._total(names), **given) if request.include_total else None
        has_more = len(rows) > request.limit
        items = rows[: request.limit]
        return PageRows(items, self.key_of(sort, items[-1]) if has_more else None, total)

    def everything(self, reads: Reader, values: Filters) -> AsyncGenerator[list[R]]:
        """Yield all rows that match the filters, in the order of the key, in chunks."""
        given = {name: value for name, value in values.items() if value is not None}
        names = frozenset(given) & frozenset(self.filters)
        return reads.stream(self._whole(names), **given)

    def whole_query(self, names: frozenset[str]) -> CompiledStatement[R]:
        return CompiledStatement[R](
            select(*self.columns).where(*self.conditions(names)).order_by(self.key)
        )

    def page_query(self, shape: Shape) -> CompiledStatement[R]:
        order = self.order(shape.sort)
        statement = (
            select(*self.columns)
            .where(*self.conditions(shape.filters))
            .order_by(*(column.desc() if descends else column.asc() for column, descends in order))
            # A literal: with a parameter PostgreSQL would plan for a tenth of the table.
            .limit(literal_column(str(shape.limit + 1)))
        )
        if shape.is_continued:
            statement = statement.where(rows_after(order))
        if shape.has_skip:
            statement = statement.offset(bindparam("skip", type_=Integer()))
        return CompiledStatement[R](statement)

    def total_query(self, names: frozenset[str]) -> CompiledStatement:
        return CompiledStatement(select(func.count(self.key)).where(*self.conditions(names)))

    def conditions(self, names: frozenset[str]) -> list[ColumnElement[bool]]:
        return [*self.where, *(self.filters[name]() for name in sorted(names))]

    def order(self, sort: tuple[str, ...]) -> list[tuple[Column, bool]]:
        order = [(self.sorts[name.lstrip("-")], name.startswith("-")) for name in sort]
        return [*order, (self.key, order[-1][1])]

    def key_of(self, sort: tuple[str, ...], row: Mapping[str, Any]) -> tuple[str, ...]:
        values = (row[column.key] for column, _ in self.order(sort))
        return tuple(v.isoformat() if isinstance(v, datetime) else str(v) for v in values)

    def key_values(self, sort: tuple[str, ...], after: tuple[str, ...] | None) -> Filters:
        return {
            f"after_{column.key}": PARSERS[column.type.python_type](text)
            for (column, _), text in zip(self.order(sort), after or (), strict=False)
        }


def rows_after(order: Sequence[tuple[Column, bool]]) -> ColumnElement[bool]:
    """Return the keyset condition: rows after the one whose key is bound as `after_<column>`."""
    bounds = [bindparam(f"after_{column.key}", type_=column.type) for column, _ in order]
    directions = {descends for _, descends in order}
    if len(directions) == 1:
        # A row comparison, which PostgreSQL evaluates by one index range.
        columns, last = tuple_(*(column for column, _ in order)), tuple_(*bounds)
        return columns < last if directions.pop() else columns > last
    # Implied by the OR that follows, but unlike it usable as an index range of the first column.
    first, descends = order[0]
    start = first <= bounds[0] if descends else first >= bounds[0]
    return and_(start, or_(*(rows_after_at(order, bounds, place) for place in range(len(order)))))


def rows_after_at(
    order: Sequence[tuple[Column, bool]], bounds: Sequence[Any], place: int
) -> ColumnElement[bool]:
    """Return the condition for rows equal in every column before `place` and after it there."""
    column, descends = order[place]
    equal = [earlier == bounds[index] for index, (earlier, _) in enumerate(order[:place])]
    return and_(*equal, column < bounds[place] if descends else column > bounds[place])
