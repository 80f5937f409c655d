"""Lists: the pages of any order together are the whole list."""

import importlib
import itertools
import json
import pkgutil
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import features
from app.config.settings import Settings
from app.db.executor import PoolReader
from app.db.listing import Listing, PageRequest, Shape
from app.features.items.crud import LISTING
from app.features.items.models import Item, ItemRow
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


async def every_page(
    reads: PoolReader, request: PageRequest, **filters: Any
) -> list[list[ItemRow]]:
    pages = []
    for _ in itertools.count():
        page = await LISTING.page(reads, request, filters)
        pages.append(page.items)
        if page.last is None:
            return pages
        request = PageRequest(request.limit, sort=request.sort, after=page.last)
    return pages


def in_order(items: list[Item], sort: tuple[str, ...]) -> list[Any]:
    """The expected result of PostgreSQL, computed in Python."""
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
    async def test_pages_contain_the_whole_list(
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


# Of one account, each with a bound on its rows.
SHORT = {"sessions", "api_keys"}
CALLER = {"sees_all": True, "viewer_id": uuid.UUID(int=1), "user_id": uuid.UUID(int=1)}
# By the type of the column.
KEYS = {datetime: NOON.isoformat(), Decimal: "1.00", str: "a", int: "1"}


def listings() -> dict[str, Listing[Any]]:
    """Return the listings of all features by their table."""
    names = [each.name for each in pkgutil.walk_packages(features.__path__, "app.features.")]
    modules = [importlib.import_module(name) for name in names if ".crud" in name]
    found = [module.LISTING for module in modules if hasattr(module, "LISTING")]
    return {listing.key.class_.__tablename__: listing for listing in found}


@pytest.mark.parametrize("table", sorted(listings().keys() - SHORT))
async def test_each_sort_of_each_list_has_an_index(
    app: FastAPI, settings: Settings, table: str
) -> None:
    listing = listings()[table]
    plans = {}
    for name, is_continued in itertools.product(listing.sorts, (False, True)):
        query = listing.page_query(Shape(frozenset(), (name,), is_continued, 20, has_skip=False))
        key = (KEYS[listing.sorts[name].type.python_type], str(uuid.UUID(int=1)))
        bound = listing.key_values((name,), key if is_continued else None)
        arguments = query.arguments({**CALLER, "webhook_id": uuid.UUID(int=1), **bound})
        plans[name, is_continued] = await explained(settings, query.sql, arguments)

    assert [name for name, plan in plans.items() if "Seq Scan" in plan or "Sort Key" in plan] == []


async def explained(settings: Settings, sql: str, arguments: list[Any]) -> str:
    connection = await asyncpg.connect(plain(settings.database_url))
    try:
        await connection.execute(
            "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off"
        )
        return json.dumps(await connection.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *arguments))
    finally:
        await connection.close()
