"""Dashboard figures: counts over the tables of the features, in one statement."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from sqlalchemy import bindparam, func, literal, select, text, type_coerce
from sqlalchemy.dialects.postgresql import JSONB, insert

from app.db.executor import CompiledStatement, PoolReader, Row
from app.db.unit_of_work import UnitOfWork
from app.features.background_jobs.models import Task
from app.features.dashboard.figures import Counts, DashboardFigures, Owned, everything, owned_by
from app.features.dashboard.models import THE_ONE, Dashboard
from app.runtime.clock import now

# Share of the time that counting may take, however large the tables are.
BUSY_SHARE = 0.05
COUNTING_SECONDS = 60
NOTHING = text("'[]'::jsonb")
COUNTED = CompiledStatement(select(Dashboard.figures, Dashboard.counted_at))


@dataclass(frozen=True)
class CountingStatements:
    """Statements that return one row with a document for each chart, in one round trip."""

    own: CompiledStatement
    whole: Counts
    names: frozenset[str]
    """Names of the charts and totals of the whole service."""

    @classmethod
    def of(cls, figures: Sequence[DashboardFigures]) -> Self:
        owner_id = bindparam("owner_id", type_=Task.owner_id.type)
        own = counts(figures, owned_by(owner_id))
        whole = select(*counts(figures, everything))
        return cls(
            CompiledStatement(select(*own)), whole, frozenset().union(*(f.names for f in figures))
        )


def counts(figures: Sequence[DashboardFigures], owned: Owned) -> list[Any]:
    charts = {name: chart.rows for each in figures for name, chart in each.charts.items()}
    columns = [
        rows_of(rows(owned)).label(name) for name, rows in {**charts, "tasks": tasks}.items()
    ]
    return [totals(figures, owned).label("totals"), *columns]


def totals(figures: Sequence[DashboardFigures], owned: Owned) -> Any:
    statements = {name: total for each in figures for name, total in each.totals.items()}
    if owned is everything:
        for each in figures:
            statements |= each.totals_for_administrators
    pairs = [
        part
        for name, statement in statements.items()
        for part in (literal(name), statement(owned).scalar_subquery())
    ]
    return func.jsonb_build_object(*pairs, type_=JSONB)


def tasks(owned: Owned) -> Counts:
    statement = select(Task.status, func.count().label("count")).where(owned(Task.owner_id))
    return statement.group_by(Task.status).order_by(Task.status)


def rows_of(statement: Counts) -> Any:
    row = func.to_jsonb(statement.subquery().table_valued())
    return select(type_coerce(func.coalesce(func.jsonb_agg(row), NOTHING), JSONB)).scalar_subquery()


async def count_own(reads: PoolReader, statements: CountingStatements, owner_id: uuid.UUID) -> Row:
    """Count the resources of the user."""
    row = await reads.first(statements.own, owner_id=owner_id)
    return {**(row or {}), "counted_at": now()}


async def find_counted(reads: PoolReader, statements: CountingStatements) -> Row | None:
    """Return the last figures of the whole service.

    None before the first count, or if figures of a new feature are missing.
    """
    row = await reads.first(COUNTED)
    if row is None or not statements.names <= {*row["figures"], *row["figures"]["totals"]}:
        return None
    return {**row["figures"], "counted_at": row["counted_at"]}


async def refresh(uow: UnitOfWork, statements: CountingStatements) -> None:
    """Count again, unless that would exceed `BUSY_SHARE` of the time."""
    last = await uow.session.get(Dashboard, THE_ONE)
    if last is None or now() - last.counted_at > timedelta(seconds=last.seconds / BUSY_SHARE):
        await count_all(uow, statements)


async def count_all(uow: UnitOfWork, statements: CountingStatements) -> Row:
    """Count the resources of the whole service and store the figures."""
    await uow.session.execute(text(f"SET LOCAL statement_timeout = '{COUNTING_SECONDS}s'"))
    started = time.perf_counter()
    row = (await uow.session.execute(statements.whole)).mappings().one()
    figures, counted_at = dict(row), now()
    seconds = time.perf_counter() - started
    values = {"figures": figures, "counted_at": counted_at, "seconds": seconds}
    statement = insert(Dashboard).values(id=THE_ONE, **values)
    await uow.session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))
    return {**figures, "counted_at": counted_at}
