"""What the dashboards show: counts over items, posts, files, tasks and users."""

import time
import uuid
from datetime import timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Numeric,
    Select,
    Subquery,
    bindparam,
    cast,
    func,
    literal,
    select,
    text,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from app.db.executor import Query, ReadPool, Row
from app.db.session import AsyncSession
from app.features.dashboard.models import THE_ONE, Dashboard
from app.features.files.models import File
from app.features.items.models import Item
from app.features.posts.models import Post
from app.features.users.models.user import User
from app.jobs.models import Task
from app.runtime.clock import now

DAYS = 30
TAGS = 10
PRICES = (0, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000)
# Counting again waits for as long as this share of the time allows, however large the tables are.
BUSY_SHARE = 0.05
COUNTING_SECONDS = 60
NOTHING = text("'[]'::jsonb")

Owner = ColumnElement[uuid.UUID] | None


def counts(owner: Owner) -> Select[Any]:
    """One row with a document for each chart: one round trip for all of them."""
    totals = {
        "items": total(Item, Item.owner_id, owner, Item.deleted_at.is_(None)),
        "posts": total(Post, Post.author_id, owner),
        "files": total(File, File.owner_id, owner),
        "stored_bytes": stored_bytes(owner),
    }
    if owner is None:
        totals["users"] = total(User, User.id, None, User.deleted_at.is_(None))
    pairs = [part for name, count in totals.items() for part in (literal(name), count)]
    return select(
        func.jsonb_build_object(*pairs, type_=JSONB).label("totals"),
        rows_of(items_by_day(owner)).label("items_by_day"),
        rows_of(prices(owner)).label("prices"),
        rows_of(tags(owner)).label("tags"),
        rows_of(tasks(owner)).label("tasks"),
    )


def total(model: Any, column: Any, owner: Owner, *conditions: ColumnElement[bool]) -> Any:
    return owned(select(func.count(model.id)).where(*conditions), column, owner).scalar_subquery()


def stored_bytes(owner: Owner) -> Any:
    size = select(cast(func.coalesce(func.sum(File.size), 0), Numeric))
    return owned(size, File.owner_id, owner).scalar_subquery()


def items_by_day(owner: Owner) -> Subquery:
    day = func.date_trunc("day", Item.created_at, "UTC")
    statement = (
        select(func.to_char(day, "YYYY-MM-DD").label("day"), func.count().label("count"))
        .where(Item.deleted_at.is_(None), Item.created_at > func.now() - timedelta(days=DAYS))
        .group_by(day)
        .order_by(day)
    )
    return owned(statement, Item.owner_id, owner).subquery()


def prices(owner: Owner) -> Subquery:
    bounds = literal(list(PRICES), ARRAY(Numeric))
    # The bucket of a price on a bound is the one below it, as `up_to` says.
    bucket = func.width_bucket(Item.price - text("0.01"), bounds).label("bucket")
    statement = select(bucket, func.count().label("count")).where(Item.deleted_at.is_(None))
    return owned(statement.group_by(bucket).order_by(bucket), Item.owner_id, owner).subquery()


def tags(owner: Owner) -> Subquery:
    each = select(func.unnest(Item.tags).label("tag")).where(Item.deleted_at.is_(None))
    tag = owned(each, Item.owner_id, owner).subquery().c.tag
    count = func.count().label("count")
    return select(tag, count).group_by(tag).order_by(count.desc(), tag).limit(TAGS).subquery()


def tasks(owner: Owner) -> Subquery:
    count = func.count().label("count")
    statement = select(Task.status, count).group_by(Task.status).order_by(Task.status)
    return owned(statement, Task.owner_id, owner).subquery()


def owned(statement: Select[*tuple[Any, ...]], column: Any, owner: Owner) -> Select[Any]:
    return statement if owner is None else statement.where(column == owner)


def rows_of(table: Subquery) -> Any:
    document = func.coalesce(func.jsonb_agg(func.to_jsonb(table.table_valued())), NOTHING)
    return select(type_coerce(document, JSONB)).scalar_subquery()


OWN = Query(counts(bindparam("owner_id", type_=User.id.type)))
ALL = counts(None)
COUNTED = Query(select(Dashboard.figures, Dashboard.counted_at))


async def count_own(reads: ReadPool, owner_id: uuid.UUID) -> Row:
    """Count what belongs to the user."""
    row = await reads.first(OWN, owner_id=owner_id)
    return {**shown(row or {}), "counted_at": now()}


async def find_counted(reads: ReadPool) -> Row | None:
    """Return what was last counted about the whole service."""
    row = await reads.first(COUNTED)
    return {**row["figures"], "counted_at": row["counted_at"]} if row else None


async def refresh(session: AsyncSession) -> None:
    """Count anew, unless that would take too large a share of the time."""
    last = await session.get(Dashboard, THE_ONE)
    if last is None or now() - last.counted_at > timedelta(seconds=last.seconds / BUSY_SHARE):
        await count_all(session)


async def count_all(session: AsyncSession) -> Row:
    """Count about the whole service, and keep the figures."""
    await session.execute(text(f"SET LOCAL statement_timeout = '{COUNTING_SECONDS}s'"))
    started = time.perf_counter()
    row = (await session.execute(ALL)).mappings().one()
    figures, counted_at = shown(dict(row)), now()
    seconds = time.perf_counter() - started
    values = {"figures": figures, "counted_at": counted_at, "seconds": seconds}
    statement = insert(Dashboard).values(id=THE_ONE, **values)
    await session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))
    return {**figures, "counted_at": counted_at}


def shown(row: Row) -> Row:
    """The buckets by their bounds instead of their numbers."""
    buckets = {bucket["bucket"]: bucket["count"] for bucket in row["prices"]}
    named = [
        {"above": str(above), "up_to": str(up_to), "count": buckets.get(number, 0)}
        for number, (above, up_to) in enumerate(pairwise(PRICES), 1)
    ]
    return {**row, "prices": named}
