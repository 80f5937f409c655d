"""Schema changes under load: outdated statements are repeated, on every kind of connection."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import bindparam, literal_column, select, table

from app.config.settings import Settings
from app.db.engine import create_pool
from app.db.executor import CompiledStatement, PoolReader
from app.db.schema_changes import SCHEMA_AGE
from app.features.items.models import Item
from app.features.users.models.user import User
from tests.conftest import Running, Save, access_token, execute, new_client
from tests.factories import item_body, make_item

ITEMS = "/api/v1/items"
PRECISIONS = itertools.cycle((6, 7))
AT_ONCE = 8


@pytest.fixture
async def running_app(running: Running, app: FastAPI) -> AsyncIterator[FastAPI]:
    """With full pools whose statements are prepared; the fixture `app` empties the tables."""
    async with running() as started:
        yield started


@pytest.fixture
async def client(running_app: FastAPI, user: User) -> AsyncIterator[AsyncClient]:
    token = await access_token(running_app, user)
    async with new_client(running_app, Authorization=f"Bearer {token}") as client:
        yield client


async def change_type(database_url: str) -> None:
    """Another type of the same values, which changes the result of each prepared statement."""
    statement = f"ALTER TABLE items ALTER COLUMN tax TYPE numeric({next(PRECISIONS)}, 2)"
    await execute(database_url, statement)


@pytest.fixture(autouse=True)
async def _original_type(database_url: str) -> AsyncIterator[None]:
    yield
    await execute(database_url, "ALTER TABLE items ALTER COLUMN tax TYPE numeric(5, 2)")
    # So that no later test meets statements that were prepared before.
    SCHEMA_AGE.mark_changed()


class TestChangeOfAType:
    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def test_fails_no_request(
        self, client: AsyncClient, save: Save, user: User, database_url: str, method: str
    ) -> None:
        rounds = [[await save(make_item(user)) for _ in range(AT_ONCE)] for _ in range(4)]
        statuses: list[int] = []

        for items in rounds:
            statuses += await asyncio.gather(*(ask(client, method, each.id) for each in items))
            await change_type(database_url)

        assert {status // 100 for status in statuses} == {2}

    async def test_fails_no_read(self, settings: Settings, save: Save, user: User) -> None:
        item = await save(make_item(user))
        query = CompiledStatement(select(Item.id, Item.tax).where(Item.id == bindparam("id")))
        reads = PoolReader(create_pool(settings, settings.database_url, size=3))
        for _ in range(3):
            found = await asyncio.gather(*(reads.first(query, id=item.id) for _ in range(3)))
            assert {row["id"] for row in found if row} == {item.id}
            await change_type(settings.database_url)
        await reads.pool.close()


async def ask(client: AsyncClient, method: str, item_id: object) -> int:
    path = ITEMS if method == "POST" else f"{ITEMS}/{item_id}"
    body = None if method in {"GET", "DELETE"} else item_body(tax="1.50")
    return (await client.request(method, path, json=body)).status_code


class TestChangeOfACompositeType:
    async def test_fails_no_read(self, settings: Settings, empty_database: str) -> None:
        await execute(empty_database, "CREATE TABLE pairs AS SELECT 1 AS a, 2 AS b")
        query = CompiledStatement(
            select(literal_column("pairs").label("pair")).select_from(table("pairs"))
        )
        reads = PoolReader(create_pool(settings, empty_database, size=2))
        await asyncio.gather(*(reads.scalar(query) for _ in range(2)))

        await execute(empty_database, "ALTER TABLE pairs ADD COLUMN c int DEFAULT 3")
        found = await asyncio.gather(*(reads.scalar(query) for _ in range(4)))

        await reads.pool.close()
        assert [tuple(pair) for pair in found] == [(1, 2, 3)] * 4
