"""Writes without the ORM: within the unit of work, as if the ORM had made them."""

import uuid
from decimal import Decimal
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from app.db.compiled_insert import compiled_insert, compiled_insert_many, insert_many, insert_one
from app.db.errors import ForeignKeyViolation
from app.errors import AppError
from app.features.items.models import Item
from app.features.users.models.user import User
from tests.factories import make_item
from tests.state import units_of_work

GIVEN = ["name", "price", "tags", "owner_id"]
INSERT = compiled_insert(Item, GIVEN, returning=[Item.id, Item.name, Item.version, Item.tags])
INSERT_MANY = compiled_insert_many(Item, GIVEN, returning=[Item.id, Item.name, Item.tags])
COUNT = select(func.count()).select_from(Item)


def row(user: User, name: str = "Desk") -> dict[str, Any]:
    return {"name": name, "price": Decimal("1.00"), "tags": ["wood"], "owner_id": user.id}


async def count(app: FastAPI) -> int:
    async with units_of_work(app).begin() as uow:
        return await uow.session.scalar(COUNT) or 0


async def test_row_is_committed_with_its_defaults(app: FastAPI, user: User) -> None:
    async with units_of_work(app).begin() as uow:
        made = await insert_one(uow, INSERT, **row(user))

    assert (made["name"], made["version"], made["tags"]) == ("Desk", 1, ["wood"])
    assert made["id"].version == 7
    assert await count(app) == 1


async def test_error_after_it_undoes_it(app: FastAPI, user: User) -> None:
    async def fail() -> None:
        async with units_of_work(app).begin() as uow:
            await insert_one(uow, INSERT, **row(user))
            raise AppError

    with pytest.raises(AppError):
        await fail()

    assert await count(app) == 0


async def test_orm_and_bypass_share_a_transaction(app: FastAPI, user: User) -> None:
    async with units_of_work(app).begin() as uow:
        uow.session.add(make_item(user))
        await uow.session.flush()
        await insert_one(uow, INSERT, **row(user))

        assert await uow.session.scalar(COUNT) == 2


async def test_many_come_back_in_their_order(app: FastAPI, user: User) -> None:
    names = [f"Desk {number}" for number in range(500)]

    async with units_of_work(app).begin() as uow:
        made = await insert_many(uow, INSERT_MANY, [row(user, name) for name in names])

    assert [each["name"] for each in made] == names


async def test_one_of_many_that_fails_undoes_all(app: FastAPI, user: User) -> None:
    rows = [row(user), {**row(user), "owner_id": uuid.uuid4()}, row(user)]

    with pytest.raises(ForeignKeyViolation) as caught:
        async with units_of_work(app).begin() as uow:
            await insert_many(uow, INSERT_MANY, rows)

    assert caught.value.constraint == "fk_items_owner_id"
    assert await count(app) == 0
