"""Seed data of a new development database: users, categories and items.

Other features add theirs in a module `seed` with `fill(session, user)`.
"""

import asyncio
import uuid
from decimal import Decimal
from typing import Any

from app.config.settings import Settings
from app.db.engine import unit_of_work
from app.db.unit_of_work import UnitOfWork
from app.features import find_modules
from app.features.categories import crud as categories
from app.features.categories.schemas import CategoryCreate
from app.features.items import crud as items
from app.features.items.schemas import ItemCreate
from app.features.users.crud import users
from app.features.users.models.user import User
from app.features.users.passwords import PasswordHasher
from app.features.users.schemas import UserBase
from app.security.principals import ROLE_SCOPES, Principal, Role

USERS = {"admin": "Grace Hopper", "user": "Ada Lovelace", "guest": "Alan Turing"}
# Names of categories, each with its subcategories.
TREE: dict[str, Any] = {
    "Furniture": {"Seating": {"Chairs": {}}, "Desks": {}, "Shelves": {}},
    "Home": {"Lighting": {}, "Textiles": {}},
}
# By the name of their category.
ITEMS = {
    "Desks": ItemCreate(name="Walnut desk", price=Decimal("899.00"), tags=["furniture", "wood"]),
    "Shelves": ItemCreate(
        name="Oak bookshelf", price=Decimal("349.50"), tags=["furniture", "wood"]
    ),
    "Lighting": ItemCreate(name="Brass lamp", price=Decimal("129.99"), tags=["light"]),
    "Chairs": ItemCreate(name="Linen chair", price=Decimal("219.00"), tags=["furniture"]),
    "Textiles": ItemCreate(name="Wool carpet", price=Decimal("540.00"), tags=["textile"]),
}


def seed(settings: Settings) -> bool:
    """Fill an empty development database; return whether it was empty."""
    return asyncio.run(seed_when_empty(settings))


async def seed_when_empty(settings: Settings) -> bool:
    async with unit_of_work(settings) as uow:
        # Of two concurrent starts, the second waits here and then finds users.
        await users.lock(uow)
        is_empty = not await users.exist(uow)
        if is_empty:
            await fill(uow, settings.demo_password.get_secret_value())
        return is_empty


async def fill(uow: UnitOfWork, password: str) -> None:
    passwords = PasswordHasher(max_concurrency=1)
    password_hash = await passwords.hash(password)
    passwords.close()
    accounts = {
        name: await create_user(uow, name, full_name, password_hash)
        for name, full_name in USERS.items()
    }
    user = principal(accounts["user"])
    category_ids = await create_categories(uow, TREE)
    batch = [
        item.model_copy(update={"category_id": category_ids[name]}) for name, item in ITEMS.items()
    ]
    await items.create_many(uow, batch, owner=user)
    for module in find_modules("seed"):
        await module.fill(uow, user)


async def create_categories(
    uow: UnitOfWork, tree: dict[str, Any], parent_id: uuid.UUID | None = None
) -> dict[str, uuid.UUID]:
    """Create the categories; return their ids by name."""
    ids: dict[str, uuid.UUID] = {}
    for name, below in tree.items():
        data = CategoryCreate(name=name, parent_id=parent_id)
        ids[name] = (await categories.create(uow, data)).id
        ids |= await create_categories(uow, below, ids[name])
    return ids


async def create_user(uow: UnitOfWork, name: str, full_name: str, password_hash: str) -> User:
    data = UserBase(email=f"{name}@example.com", username=name, full_name=full_name)
    return await users.create(
        uow, data, password_hash=password_hash, role=Role(name), email_verified=True
    )


def principal(user: User) -> Principal:
    return Principal(user.id, user.role, ROLE_SCOPES[user.role])
