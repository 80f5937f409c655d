"""Dashboard figures of the items: by day, by price and by tag."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Annotated

from pydantic import Field
from sqlalchemy import ARRAY, Numeric, TableValuedAlias, column, func, literal, select, text

from app.features.dashboard.figures import Chart, Counts, DashboardFigures, Owned
from app.features.dashboard.schemas import Count
from app.features.items.models import Item
from app.features.items.money import RoundedMoney
from app.http.schemas import ResponseModel

DAYS = 30
TAGS = 10
PRICES = (0, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000)
ALIVE = Item.deleted_at.is_(None)


class DayCount(ResponseModel):
    day: date
    """The day, in UTC."""
    count: Count
    """Items that were created on this day."""


class PriceRange(ResponseModel):
    """From `above`, exclusive, to `up_to`."""

    above: RoundedMoney
    """Lower bound in euros, exclusive."""
    up_to: RoundedMoney
    """Upper bound in euros, inclusive."""
    count: Count
    """Items with a price in the range."""


class TagCount(ResponseModel):
    tag: str = Field(max_length=30)
    """The tag."""
    count: Count
    """Items that have the tag."""


def items(owned: Owned) -> Counts:
    return select(func.count(Item.id)).where(ALIVE, owned(Item.owner_id))


def items_by_day(owned: Owned) -> Counts:
    day = func.date_trunc("day", Item.created_at, "UTC")
    is_recent = Item.created_at > func.now() - timedelta(days=DAYS)
    return (
        select(func.to_char(day, "YYYY-MM-DD").label("day"), func.count().label("count"))
        .where(ALIVE, is_recent, owned(Item.owner_id))
        .group_by(day)
        .order_by(day)
    )


def prices(owned: Owned) -> Counts:
    """Select each range with its number of items, 0 included."""
    bounds = literal(list(PRICES), ARRAY(Numeric))
    # A price equal to a bound belongs to the bucket below it: `up_to` is inclusive.
    bucket = func.width_bucket(Item.price - text("0.01"), bounds).label("bucket")
    statement = select(bucket, func.count().label("count")).where(ALIVE, owned(Item.owner_id))
    counted, ranges = statement.group_by(bucket).subquery(), price_ranges()
    number = func.coalesce(counted.c.count, 0).label("count")
    return (
        select(ranges.c.above, ranges.c.up_to, number)
        .outerjoin_from(ranges, counted, counted.c.bucket == ranges.c.number)
        .order_by(ranges.c.number)
    )


def price_ranges() -> TableValuedAlias:
    above, up_to = (
        literal(list(bounds), ARRAY(Numeric)) for bounds in zip(*pairwise(PRICES), strict=True)
    )
    columns = (column("above", Numeric), column("up_to", Numeric))
    table = func.unnest(above, up_to).table_valued(*columns, with_ordinality="number")
    return table.render_derived()


def tags(owned: Owned) -> Counts:
    tag, count = func.unnest(Item.tags).label("tag"), func.count().label("count")
    statement = select(tag, count).where(ALIVE, owned(Item.owner_id))
    return statement.group_by(tag).order_by(count.desc(), tag).limit(TAGS)


extension = DashboardFigures(
    totals={"items": items},
    charts={
        "items_by_day": Chart(
            items_by_day,
            Annotated[
                list[DayCount],
                Field(max_length=31, description="Items by day of creation, of the last 30 days."),
            ],
        ),
        "prices": Chart(
            prices, Annotated[list[PriceRange], Field(max_length=20, description="Items by price.")]
        ),
        "tags": Chart(
            tags,
            Annotated[list[TagCount], Field(max_length=10, description="The most frequent tags.")],
        ),
    },
)
