"""Lists: the pages of any order, put together, are the whole list."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.config.settings import Settings
from app.db.executor import PoolReader, Row
from app.db.listing import PageRequest, Shape
from app.features.items.crud import LISTING
from app.features.items.models import Item
from app.features.users.models.user import User
from tests.cleaner import Cleaner
from tests.conftest import Save, plain
from tests.factories import make_item, make_user
from tests.state import reads_of

NOON = datetime(2027, 1, 31, 12, tzinfo=UTC)
SORTS = ["name", "-name", "price", "-price", "created_at", "-created_at"]
DIRECTIONS = [f"{sign}{name}" for name in LISTING.sorts for sign in ("", "-")]

sorts = st.lists(st.sampled_from(SORTS), unique_by=lambda sort: sort.strip("-")).map(tuple)
rows = st.lists(
    st.tuples(
        st.sampled_from(["a", "B", "b", "é", "\U0001f9ff", "a b", ""]),
        st.sampled_from([Decimal("0.10"), Decimal("1.00"), Decimal("10.00")]),
        st.integers(0, 2),
    ),
    max_size=12,
)


async def every_page(reads: PoolReader, request: PageRequest, **filters: Any) -> list[list[Row]]:
    pages = []
    for _ in itertools.count():
        page = await LISTING.page(reads, request, filters)
        pages.append(page.items)
        if page.last is None:
            return pages
        request = PageRequest(request.limit, sort=request.sort, after=page.last)
    return pages


def in_order(items: list[Item], sort: tuple[str, ...]) -> list[Any]:
    """What PostgreSQL should do, done by Python."""
    wanted = sort or LISTING.default_sort
    fields = [*wanted, "-id" if wanted[-1].startswith("-") else "id"]
    for name in reversed(fields):
        items = sorted(
            items, key=lambda item: getattr(item, name.strip("-")), reverse=name.startswith("-")
        )
    return [item.id for item in items]


class TestPages:
    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(rows=rows, sort=sorts, limit=st.integers(1, 5))
    async def test_make_up_the_list(
        self,
        app: FastAPI,
        cleaner: Cleaner,
        save: Save,
        rows: list[tuple[str, Decimal, int]],
        sort: tuple[str, ...],
        limit: int,
    ) -> None:
        await cleaner.empty_tables()
        user = await save(make_user())
        items = [
            await save(
                make_item(user, name=n, price=p, created_at=NOON + timedelta(microseconds=t))
            )
            for n, p, t in rows
        ]

        pages = await every_page(reads_of(app), PageRequest(limit, sort=sort))

        assert [row["id"] for page in pages for row in page] == in_order(items, sort)
        assert all(len(page) == limit for page in pages[:-1])

    async def test_filter_without_a_value_does_not_filter(
        self, app: FastAPI, save: Save, user: User
    ) -> None:
        await save(make_item(user))

        page = await LISTING.page(
            reads_of(app),
            PageRequest(include_total=True),
            {"tag": None, "owner_id": user.id},
        )

        assert (len(page.items), page.total) == (1, 1)

    async def test_total_counts_beyond_the_page(self, app: FastAPI, save: Save, user: User) -> None:
        for _ in range(3):
            await save(make_item(user))

        page = await LISTING.page(
            reads_of(app),
            PageRequest(1, skip=1, include_total=True),
            {},
        )

        assert (len(page.items), page.total) == (1, 3)

    async def test_skipping_beyond_the_end_is_an_empty_page(
        self, app: FastAPI, save: Save, user: User
    ) -> None:
        await save(make_item(user))

        page = await LISTING.page(reads_of(app), PageRequest(skip=10_000), {})

        assert (page.items, page.last) == ([], None)


class TestPlan:
    """A page costs the same at any depth, because an index gives it in order."""

    @pytest.mark.parametrize("is_continued", [False, True], ids=["first", "continued"])
    @pytest.mark.parametrize("sort", DIRECTIONS)
    async def test_is_an_index_range(
        self,
        app: FastAPI,
        settings: Settings,
        save: Save,
        user: User,
        sort: str,
        is_continued: bool,
    ) -> None:
        item = await save(make_item(user))
        after = (str(getattr(item, sort.strip("-"))), str(item.id)) if is_continued else None
        query = LISTING.page_query(Shape(frozenset(), (sort,), is_continued, 20, has_skip=False))
        arguments = query.arguments(LISTING.key_values((sort,), after))

        plan = await explained(settings, query.sql, arguments)

        assert "Index Scan" in plan
        assert "Sort" not in plan
        assert ("Index Cond" in plan) == is_continued


async def explained(settings: Settings, sql: str, arguments: list[Any]) -> str:
    connection = await asyncpg.connect(plain(settings.database_url))
    try:
        await connection.execute(
            "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off"
        )
        return json.dumps(await connection.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *arguments))
    finally:
        await connection.close()
