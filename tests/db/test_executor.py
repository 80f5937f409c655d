"""Compiled statements: the same results as the ORM, in one statement each."""

import asyncio
import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import asyncpg
import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import bindparam, event, func, literal, select, text
from sqlalchemy.orm import InstrumentedAttribute

from app.db.base import Base
from app.db.executor import CompiledStatement
from app.features.idempotency.models import IdempotencyKey
from app.features.items.models import Item
from app.features.users.models.user import User
from app.security.principals import Role
from app.security.resources import SecurityResources
from tests.conftest import As, Save
from tests.factories import item_body, make_item, make_user
from tests.state import reads_of, resources_of, units_of_work

ITEMS = "/api/v1/items"
shared = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
times = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
documents = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(texts, parts, max_size=3),
    max_leaves=6,
)
cents = st.decimals("0", "100", places=2)
words = st.text(string.ascii_lowercase, max_size=30)


class TestRows:
    """For rows of every type that a column of ours has."""

    @shared
    @given(
        fields=st.fixed_dictionaries(
            {
                "full_name": st.none() | texts,
                "age": st.none() | st.integers(0, 150),
                "address": st.none() | st.dictionaries(texts, documents, max_size=4),
                "role": st.sampled_from(Role),
                "is_active": st.booleans(),
                "last_login_at": st.none() | times,
            }
        )
    )
    async def test_users_are_the_same(self, app: FastAPI, fields: dict[str, Any]) -> None:
        await assert_same(app, make_user(**fields))

    @shared
    @given(
        fields=st.fixed_dictionaries(
            {
                "description": st.none() | texts,
                "price": cents.map(lambda amount: amount + 100),
                "tax": cents,
                "tags": st.lists(texts, max_size=5),
                "processed_at": st.none() | times,
            }
        )
    )
    async def test_items_are_the_same(
        self, app: FastAPI, user: User, fields: dict[str, Any]
    ) -> None:
        await assert_same(app, make_item(user, **fields))

    @shared
    @given(key=texts, headers=st.dictionaries(texts, documents, max_size=4), body=st.binary())
    async def test_stored_responses_are_the_same(
        self, app: FastAPI, key: str, headers: dict[str, Any], body: bytes
    ) -> None:
        caller = make_user().username
        fields = {"fingerprint": b"\0" * 32, "status": 201, "headers": headers, "body": body}

        await assert_same(app, IdempotencyKey(caller=caller, key=key, **fields))


async def assert_same(app: FastAPI, row: Base) -> None:
    columns: list[InstrumentedAttribute[Any]] = [
        getattr(type(row), attribute.key) for attribute in type(row).__mapper__.column_attrs
    ]
    async with units_of_work(app).begin() as uow:
        uow.session.add(row)
    async with units_of_work(app).begin() as uow:
        statement = select(*columns).where(type(row).id == row.id)
        by_orm = dict((await uow.session.execute(statement)).mappings().one())

    query = CompiledStatement(select(*columns).where(type(row).id == bindparam("id")))
    by_pool = await reads_of(app).first(query, id=row.id)

    assert by_pool == by_orm
    assert [type(value) for value in by_pool.values()] == [type(v) for v in by_orm.values()]


class TestQuery:
    async def test_no_row_is_none(self, app: FastAPI) -> None:
        unknown_user = CompiledStatement(select(User.id).where(User.username == bindparam("name")))

        assert await reads_of(app).first(unknown_user, name="nobody") is None
        assert await reads_of(app).scalar(unknown_user, name="nobody") is None
        assert await reads_of(app).all(unknown_user, name="nobody") == []

    async def test_literals_are_preserved(self, app: FastAPI, user: User) -> None:
        query = CompiledStatement(select(User.id).where(User.role == Role.USER, User.age.is_(None)))

        assert await reads_of(app).scalar(query) == user.id

    async def test_labels_name_the_columns(self, app: FastAPI, user: User) -> None:
        query = CompiledStatement(select(User.role.label("rank"), literal(1).label("one")))

        assert await reads_of(app).first(query) == {
            "rank": Role.USER,
            "one": 1,
        }

    async def test_one_query_runs_concurrently(self, app: FastAPI) -> None:
        echo = CompiledStatement(select(bindparam("number", type_=Item.price.type).label("number")))

        found = await asyncio.gather(
            *(reads_of(app).scalar(echo, number=Decimal(number)) for number in range(50))
        )

        assert found == list(range(50))

    async def test_schema_may_change_meanwhile(self, app: FastAPI, save: Save) -> None:
        user = await save(make_user(full_name="Ada"))
        query = CompiledStatement(select(User.full_name).where(User.id == bindparam("id")))

        found = []
        for kind in ("varchar(99)", "text", "varchar(100)"):
            found.append(await reads_of(app).scalar(query, id=user.id))
            async with units_of_work(app).begin() as uow:
                await uow.session.execute(text(f"ALTER TABLE users ALTER full_name TYPE {kind}"))
        found.append(await reads_of(app).scalar(query, id=user.id))

        assert found == ["Ada"] * 4


class LostWithinAStatement:
    """A connection whose server dies between the two halves of a statement."""

    def is_closed(self) -> bool:
        return False

    def is_in_transaction(self) -> bool:
        return False

    async def fetch(self, *_: Any) -> None:
        raise asyncpg.InternalClientError("the protocol is in an error state")

    def terminate(self) -> None:
        pass


class TestPoolReader:
    async def test_reads_again_on_another_connection(self, app: FastAPI, user: User) -> None:
        lost = cast("asyncpg.Connection", LostWithinAStatement())
        pool = reads_of(app).pool
        pool.release(replace(await pool.acquire(), driver=lost))
        query = CompiledStatement(select(User.id).where(User.id == bindparam("id")))

        assert await reads_of(app).scalar(query, id=user.id) == user.id

    async def test_plans_for_the_values_of_each_execution(self, app: FastAPI) -> None:
        mode = func.current_setting("plan_cache_mode").label("mode")

        assert await reads_of(app).scalar(CompiledStatement(select(mode))) == "force_custom_plan"


@dataclass
class Statements:
    """The statements that a request sent to PostgreSQL, through either pool."""

    reads: int = 0
    writes: list[str] = field(default_factory=list)


Count = Callable[[], Any]


@pytest.fixture
def counted(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Count:
    engine = units_of_work(app).pool.engine.sync_engine

    @contextmanager
    def count() -> Iterator[Statements]:
        found, before = Statements(), reads_of(app).statements

        def note(*arguments: Any) -> None:
            found.writes.append(arguments[2].split()[0])

        def observe(sql: str, _: float) -> None:
            found.writes.append(sql.split(maxsplit=1)[0])

        event.listen(engine, "before_cursor_execute", note)
        monkeypatch.setattr("app.db.transaction.observe", observe)
        try:
            yield found
        finally:
            event.remove(engine, "before_cursor_execute", note)
            found.reads = reads_of(app).statements - before

    return count


class TestStatementsPerRequest:
    @pytest.fixture
    async def client(self, as_user: As, user: User) -> AsyncClient:
        """A caller whose principal is cached."""
        client = await as_user(user)
        await client.get("/api/v1/users/me")
        return client

    @pytest.fixture
    async def item(self, save: Save, user: User) -> Item:
        for _ in range(5):
            await save(make_item(user))
        return await save(make_item(user))

    @pytest.mark.parametrize(
        ("path", "statements"),
        [
            (ITEMS, 1),
            (f"{ITEMS}?limit=2", 1),
            (f"{ITEMS}?include_total=true&tag=a&sort=-price,name", 2),
            ("/api/v1/users/me", 1),
            ("/api/v1/users/me/items", 1),
        ],
    )
    async def test_list_takes_one_statement(
        self, client: AsyncClient, item: Item, counted: Count, path: str, statements: int
    ) -> None:
        with counted() as found:
            response = await client.get(path)

        assert response.status_code == 200
        assert found == Statements(reads=statements)

    async def test_read_takes_one_statement(
        self, client: AsyncClient, item: Item, counted: Count
    ) -> None:
        with counted() as found:
            await client.get(f"{ITEMS}/{item.id}")

        assert found == Statements(reads=1)

    async def test_uncached_principal_takes_one_more_statement(
        self, app: FastAPI, client: AsyncClient, item: Item, counted: Count
    ) -> None:
        resources_of(app)[SecurityResources].principals.clear()

        with counted() as found:
            await client.get(f"{ITEMS}/{item.id}")

        assert found == Statements(reads=2)

    async def test_create_takes_one_statement(self, client: AsyncClient, counted: Count) -> None:
        with counted() as found:
            await client.post(ITEMS, json=item_body())

        assert found == Statements(writes=["INSERT"])

    async def test_batch_of_a_thousand_takes_one_statement(
        self, client: AsyncClient, counted: Count
    ) -> None:
        with counted() as found:
            await client.post(f"{ITEMS}/batch", json={"items": [item_body()] * 1000})

        assert found == Statements(writes=["INSERT"])

    async def test_update_takes_two_statements(
        self, client: AsyncClient, item: Item, counted: Count
    ) -> None:
        with counted() as found:
            await client.patch(f"{ITEMS}/{item.id}", json={"name": "New"})

        assert found == Statements(writes=["SELECT", "UPDATE"])

    async def test_probes_take_no_statement(self, client: AsyncClient, counted: Count) -> None:
        with counted() as found:
            await client.get("/liveness")

        assert found == Statements()
