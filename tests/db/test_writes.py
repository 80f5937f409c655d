"""Writes without the ORM: within the unit of work, as if the ORM had made them."""

import uuid
from decimal import Decimal
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from app.core.errors import AppError
from app.db.engine import create_engine
from app.db.errors import ForeignKeyViolation, StatementTimeout
from app.db.queries import Query
from app.db.session import create_sessionmaker, transaction
from app.db.writes import insert_many, insert_one, insertion, run
from app.models.item import Item
from app.models.user import User
from tests.factories import make_item

GIVEN = ["name", "price", "tags", "owner_id"]
INSERT = insertion(Item, GIVEN, returning=[Item.id, Item.name, Item.version, Item.tags])
COUNT = select(func.count()).select_from(Item)
SLEEP = Query(select(func.pg_sleep(30)))
# Or PostgreSQL would end the statement in an orderly manner before our side gives up.
NO_LIMIT = Query(select(func.set_config("statement_timeout", "0", True)))


def row(user: User, name: str = "Desk") -> dict[str, Any]:
    return {"name": name, "price": Decimal("1.00"), "tags": ["wood"], "owner_id": user.id}


async def count(app: FastAPI) -> int:
    async with transaction(app.state.sessionmaker) as session:
        return await session.scalar(COUNT) or 0


async def test_row_is_committed_with_its_defaults(app: FastAPI, user: User) -> None:
    async with transaction(app.state.sessionmaker) as session:
        made = await insert_one(session, INSERT, **row(user))

    assert (made["name"], made["version"], made["tags"]) == ("Desk", 1, ["wood"])
    assert made["id"].version == 7
    assert await count(app) == 1


async def test_error_after_it_undoes_it(app: FastAPI, user: User) -> None:
    async def fail() -> None:
        async with transaction(app.state.sessionmaker) as session:
            await insert_one(session, INSERT, **row(user))
            raise AppError

    with pytest.raises(AppError):
        await fail()

    assert await count(app) == 0


async def test_orm_and_bypass_share_a_transaction(app: FastAPI, user: User) -> None:
    async with transaction(app.state.sessionmaker) as session:
        session.add(make_item(user))
        await session.flush()
        await insert_one(session, INSERT, **row(user))

        assert await session.scalar(COUNT) == 2


async def test_many_come_back_in_their_order(app: FastAPI, user: User) -> None:
    names = [f"Desk {number}" for number in range(500)]

    async with transaction(app.state.sessionmaker) as session:
        made = await insert_many(session, INSERT, [row(user, name) for name in names])

    assert [each["name"] for each in made] == names


async def test_one_of_many_that_fails_undoes_all(app: FastAPI, user: User) -> None:
    rows = [row(user), {**row(user), "owner_id": uuid.uuid4()}, row(user)]

    with pytest.raises(ForeignKeyViolation) as caught:
        async with transaction(app.state.sessionmaker) as session:
            await insert_many(session, INSERT, rows)

    assert caught.value.constraint == "fk_items_owner_id"
    assert await count(app) == 0


async def test_connection_that_timed_out_leaves_the_pool(app: FastAPI) -> None:
    quick = {"database_command_timeout_seconds": 1.0, "database_pool_size": 1}
    engine = create_engine(app.state.settings.model_copy(update=quick))
    sessions = create_sessionmaker(engine)
    pid = Query(select(func.pg_backend_pid().label("pid")))
    async with transaction(sessions) as session:
        before = await run(session, pid)

    async def sleep() -> None:
        async with transaction(sessions) as session:
            await run(session, NO_LIMIT)
            await run(session, SLEEP)

    with pytest.raises(StatementTimeout):
        await sleep()

    async with transaction(sessions) as session:
        assert await run(session, pid) != before
    await engine.dispose()
