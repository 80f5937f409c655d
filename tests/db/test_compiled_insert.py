"""Compiled inserts: equivalent to writes of the ORM within the unit of work."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, suppress
from decimal import Decimal
from functools import partial
from typing import Any, TypedDict

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from app.config.settings import Settings
from app.db.compiled import CompiledStatement
from app.db.compiled_insert import (
    compiled_insert,
    compiled_insert_many,
    insert_many,
    insert_one,
    run,
)
from app.db.engine import create_driver_pool, create_engine
from app.db.errors import ForeignKeyViolation, StatementTimeout
from app.db.resources import DatabaseResources
from app.db.session import Transaction, create_sessionmaker, driver_transaction, transaction
from app.errors import AppError, Unavailable
from app.features.items.models import Item
from app.features.users.models.user import User
from tests.factories import make_item
from tests.state import opened, sessions_of


class Inserted(TypedDict):
    id: uuid.UUID
    name: str
    version: int
    tags: list[str]


GIVEN = ["name", "price", "tags", "owner_id"]
INSERT = compiled_insert(Item, GIVEN, returning=Inserted)
INSERT_MANY = compiled_insert_many(Item, GIVEN, returning=Inserted)
COUNT = select(func.count()).select_from(Item)
PID = CompiledStatement(select(func.pg_backend_pid().label("pid")))
SLEEP = CompiledStatement(select(func.pg_sleep(30)))
# Or PostgreSQL would end the statement in an orderly manner before our side gives up.
NO_LIMIT = CompiledStatement(select(func.set_config("statement_timeout", "0", True)))


def row(user: User, name: str = "Desk") -> dict[str, Any]:
    return {"name": name, "price": Decimal("1.00"), "tags": ["wood"], "owner_id": user.id}


async def count(app: FastAPI) -> int:
    async with transaction(sessions_of(app)) as session:
        return await session.scalar(COUNT) or 0


Begin = Callable[[], AbstractAsyncContextManager[Transaction]]


@pytest.fixture(params=["session", "direct"])
def begin(request: pytest.FixtureRequest, app: FastAPI) -> Begin:
    """A transaction of either kind."""
    if request.param == "session":
        return partial(transaction, sessions_of(app))
    return partial(
        driver_transaction,
        opened(app)[DatabaseResources].driver_pool,
        sessions_of(app),
    )


async def test_row_is_committed_with_its_defaults(app: FastAPI, begin: Begin, user: User) -> None:
    async with begin() as session:
        made = await insert_one(session, INSERT, **row(user))

    assert (made["name"], made["version"], made["tags"]) == ("Desk", 1, ["wood"])
    assert made["id"].version == 7
    assert await count(app) == 1


async def test_error_after_an_insert_rolls_it_back(app: FastAPI, begin: Begin, user: User) -> None:
    async def fail() -> None:
        async with begin() as session:
            await insert_one(session, INSERT, **row(user))
            raise AppError

    with pytest.raises(AppError):
        await fail()

    assert await count(app) == 0


async def test_orm_and_bypass_share_a_transaction(app: FastAPI, user: User) -> None:
    async with transaction(sessions_of(app)) as session:
        session.add(make_item(user))
        await session.flush()
        await insert_one(session, INSERT, **row(user))

        assert await session.scalar(COUNT) == 2


async def test_many_rows_are_returned_in_order(begin: Begin, user: User) -> None:
    names = [f"Desk {number}" for number in range(500)]

    async with begin() as session:
        made = await insert_many(session, INSERT_MANY, [row(user, name) for name in names])

    assert [each["name"] for each in made] == names


async def test_one_failed_row_rolls_back_all(app: FastAPI, begin: Begin, user: User) -> None:
    rows = [row(user), {**row(user), "owner_id": uuid.uuid4()}, row(user)]

    with pytest.raises(ForeignKeyViolation) as caught:
        async with begin() as session:
            await insert_many(session, INSERT_MANY, rows)

    assert caught.value.constraint == "fk_items_owner_id"
    assert await count(app) == 0


@pytest.fixture(params=["session", "direct"])
async def begin_alone(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[Begin]:
    """A transaction of either kind, on the only connection of a pool with a short timeout."""
    few = {"database_pool_size": 1, "database_max_overflow": 0, "database_direct_pool_size": 1}
    soon = {"database_command_timeout_seconds": 1.0, "database_pool_timeout_seconds": 1.0}
    own = settings.model_copy(update=few | soon)
    engine, pool = create_engine(own), create_driver_pool(own)
    sessions = create_sessionmaker(engine)
    is_direct = request.param == "direct"
    yield (
        partial(driver_transaction, pool, sessions) if is_direct else partial(transaction, sessions)
    )
    await engine.dispose()
    await pool.close()


async def pid(begin: Begin) -> Any:
    async with begin() as session:
        return await run(session, PID)


class TestOnlyConnection:
    async def test_serves_requests_one_after_the_other(self, begin_alone: Begin) -> None:
        assert await pid(begin_alone) == await pid(begin_alone)

    async def test_leaves_the_pool_after_a_timeout(self, begin_alone: Begin) -> None:
        before = await pid(begin_alone)

        async def sleep() -> None:
            async with begin_alone() as session:
                await run(session, NO_LIMIT)
                await run(session, SLEEP)

        with pytest.raises(StatementTimeout):
            await sleep()

        assert await pid(begin_alone) != before

    async def test_leaves_the_pool_when_its_request_is_cancelled(self, begin_alone: Begin) -> None:
        before = await pid(begin_alone)

        async def sleep() -> None:
            async with asyncio.timeout(0.2), begin_alone() as session:
                await run(session, SLEEP)

        with pytest.raises(TimeoutError):
            await sleep()

        assert await pid(begin_alone) != before

    async def test_is_free_again_after_an_error(self, begin_alone: Begin) -> None:
        async def fail() -> None:
            async with begin_alone() as session:
                await run(session, PID)
                raise AppError

        for _ in range(3):
            with pytest.raises(AppError):
                await fail()

        assert await pid(begin_alone)

    async def test_second_waits_and_gives_up(self, begin_alone: Begin) -> None:
        async with begin_alone() as session:
            await run(session, PID)

            with pytest.raises(Unavailable):
                await pid(begin_alone)

    async def test_is_not_acquired_before_the_first_statement(self, begin_alone: Begin) -> None:
        async with begin_alone():
            assert await pid(begin_alone)


async def test_commit_that_postgresql_rejects_is_an_error(app: FastAPI, user: User) -> None:
    """After a suppressed error PostgreSQL responds to COMMIT with ROLLBACK."""

    async def swallow() -> None:
        begun = driver_transaction(
            opened(app)[DatabaseResources].driver_pool,
            sessions_of(app),
        )
        async with begun as work:
            with suppress(ForeignKeyViolation):
                await insert_one(work, INSERT, **{**row(user), "owner_id": uuid.uuid4()})

    with pytest.raises(AppError, match="not committed"):
        await swallow()

    assert await count(app) == 0
