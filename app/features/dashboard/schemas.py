"""The dashboard on the wire."""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from app.http.schemas import MoneyRead, Out
from app.jobs.models import TaskStatus

Count = Annotated[int, Field(ge=0, le=2**63 - 1)]


class Day(Out):
    day: date
    count: Count


class PriceRange(Out):
    """From `above`, exclusive, to `up_to`."""

    above: MoneyRead
    up_to: MoneyRead
    count: Count


class TagCount(Out):
    tag: str = Field(max_length=30)
    count: Count


class StateCount(Out):
    status: TaskStatus
    count: Count


class StatusCount(Out):
    """Answers of one status, since the workers that answer now have started."""

    status: Annotated[int, Field(ge=100, le=599)]
    count: Count


class Totals(Out):
    items: Count
    posts: Count
    files: Count
    stored_bytes: Count
    users: Count | None = Field(default=None, description="For administrators.")


class DashboardRead(Out):
    """Of the whole service for administrators, else of what is yours."""

    counted_at: datetime
    totals: Totals
    items_by_day: list[Day] = Field(max_length=31, description="Of the last 30 days.")
    prices: list[PriceRange] = Field(max_length=20)
    tags: list[TagCount] = Field(max_length=10, description="The most frequent ones.")
    tasks: list[StateCount] = Field(max_length=5)
    requests: list[StatusCount] | None = Field(
        default=None, max_length=100, description="For administrators."
    )
