"""The unit of work: commits before the response, and retries serialization failures."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from fastapi import APIRouter, FastAPI
from httpx2 import AsyncClient
from sqlalchemy import select, text

from app.db.dependencies import UnitOfWorkDep
from app.features.items.models import Item
from app.features.items.schemas import ItemUpdate
from app.features.users.models.user import User
from app.http.unit_of_work import ATTEMPTS, UnitOfWorkRoute
from tests.conftest import Running, Save, new_client
from tests.factories import make_item, make_user
from tests.problems import assert_problem
from tests.state import units_of_work

SERIALIZATION_FAILURE = text("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")
PROMISE = text(
    "CREATE TEMPORARY TABLE promises (number integer UNIQUE DEFERRABLE INITIALLY DEFERRED)"
    " ON COMMIT DROP"
)

attempts: list[str] = []
both_hold = asyncio.Barrier(2)
router = APIRouter(prefix="/tests", route_class=UnitOfWorkRoute)


@router.post("/failures/{times}", status_code=201)
async def fail(times: int, data: ItemUpdate, uow: UnitOfWorkDep) -> str:
    uow.session.add(make_user(full_name=str(data.name)))
    await uow.session.flush()
    attempts.append("fail")
    if len(attempts) <= times:
        await uow.session.execute(SERIALIZATION_FAILURE)
    return str(data.name)


@router.post("/duplicates", status_code=201)
async def duplicate(uow: UnitOfWorkDep) -> None:
    attempts.append("duplicate")
    for _ in range(2):
        uow.session.add(make_user(username="ada"))
    await uow.session.flush()


@router.post("/promises", status_code=201)
async def break_promise(uow: UnitOfWorkDep) -> None:
    """Every statement succeeds; the commit does not."""
    await uow.session.execute(PROMISE)
    await uow.session.execute(text("INSERT INTO promises VALUES (1), (1)"))


@router.put("/prices/{first}/{second}")
async def raise_prices(first: uuid.UUID, second: uuid.UUID, uow: UnitOfWorkDep) -> None:
    attempts.append("raise_prices")
    await uow.session.execute(text("SET LOCAL deadlock_timeout = '20ms'"))
    is_first_attempt = len(attempts) <= 2
    for item_id in (first, second):
        item = await uow.session.scalar(select(Item).where(Item.id == item_id).with_for_update())
        assert item
        item.price += 1
        await uow.session.flush()
        if is_first_attempt and item_id == first:
            await both_hold.wait()


@pytest.fixture
async def client(running: Running, user: User) -> AsyncIterator[AsyncClient]:
    attempts.clear()
    async with running() as own:
        own.include_router(router)
        async with new_client(own) as client:
            yield client


class TestRepetition:
    @pytest.mark.parametrize("times", [0, 1, ATTEMPTS - 1])
    async def test_serialization_failure_is_repeated_as_a_whole(
        self, client: AsyncClient, times: int
    ) -> None:
        response = await client.post(f"/tests/failures/{times}", json={"name": "Ada"})

        assert (response.status_code, response.json()) == (201, "Ada")
        assert len(attempts) == times + 1

    async def test_ends_after_a_few_attempts(self, client: AsyncClient) -> None:
        response = await client.post("/tests/failures/99", json={"name": "Ada"})

        assert_problem(response, 409, "concurrent_update")
        assert len(attempts) == ATTEMPTS

    async def test_both_sides_of_a_deadlock_succeed(
        self, client: AsyncClient, user: User, save: Save
    ) -> None:
        one, two = [await save(make_item(user, price=Decimal(1))) for _ in range(2)]

        responses = await asyncio.gather(
            client.put(f"/tests/prices/{one.id}/{two.id}"),
            client.put(f"/tests/prices/{two.id}/{one.id}"),
        )

        assert [response.status_code for response in responses] == [200, 200]
        assert len(attempts) == 3

    async def test_other_failure_is_not_repeated(self, client: AsyncClient) -> None:
        response = await client.post("/tests/duplicates")

        assert_problem(response, 409, "already_exists")
        assert len(attempts) == 1


class TestCommit:
    async def test_failed_commit_is_not_acknowledged(self, client: AsyncClient) -> None:
        response = await client.post("/tests/promises")

        assert_problem(response, 409, "already_exists")

    @pytest.mark.parametrize(("times", "rows"), [(2, 1), (99, 0)])
    async def test_undone_attempts_leave_nothing(
        self, app: FastAPI, client: AsyncClient, times: int, rows: int
    ) -> None:
        await client.post(f"/tests/failures/{times}", json={"name": "Ada"})

        async with units_of_work(app).begin() as uow:
            found = await uow.session.scalars(select(User).where(User.full_name == "Ada"))
        assert len(found.all()) == rows
