"""Seed data of a new development database: users, categories and items.

Other features add theirs in a module `seed` with `fill(uow, user, settings)`. What the examples of
the OpenAPI document refer to has fixed ids.
"""

import asyncio
import uuid
from decimal import Decimal
from typing import Any

from app.config.settings import Settings
from app.db.engine import unit_of_work
from app.db.unit_of_work import UnitOfWork
from app.devtools.seed_examples import add_examples, item_id, user_id
from app.feature import load_features
from app.features import find_modules
from app.features.categories import crud as categories
from app.features.categories.schemas import CategoryCreate
from app.features.items.models import Item
from app.features.items.schemas import ItemCreate
from app.features.users.crud import users
from app.features.users.models.user import User
from app.features.users.passwords import PasswordHasher
from app.runtime.canonical import canonical
from app.security.principals import Principal, Role

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
    # What computes comes first: PostgreSQL ends a transaction that is idle for 10 s.
    load_features()
    modules = [*find_modules("seed")]
    password_hash = await hash_password(settings.demo_password.get_secret_value())
    async with unit_of_work(settings) as uow:
        # Of two concurrent starts, the second waits here and then finds users.
        await users.lock(uow)
        is_empty = not await users.exist(uow)
        if is_empty:
            user = await fill(uow, password_hash)
            for module in modules:
                await module.fill(uow, user, settings)
        return is_empty


async def hash_password(password: str) -> str:
    passwords = PasswordHasher(max_concurrency=1)
    password_hash = await passwords.hash(password)
    passwords.close()
    return password_hash


async def fill(uow: UnitOfWork, password_hash: str) -> Principal:
    """Add users, categories and items; return the user who owns the items."""
    accounts = {name: make_user(name, password_hash) for name in USERS}
    uow.session.add_all(accounts.values())
    await uow.session.flush()
    user = principal(accounts["user"])
    category_ids = await create_categories(uow, TREE)
    uow.session.add_all(
        make_item(item, user.id, category_ids[name]) for name, item in ITEMS.items()
    )
    await add_examples(uow, user, category_ids["Seating"])
    return user


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


def make_user(name: str, password_hash: str) -> User:
    email = f"{name}@example.com"
    return User(
        id=user_id(name),
        email=email,
        email_canonical=canonical(email),
        username=name,
        username_canonical=canonical(name),
        full_name=USERS[name],
        password_hash=password_hash,
        role=Role(name),
        email_verified=True,
    )


def make_item(data: ItemCreate, owner_id: uuid.UUID, category_id: uuid.UUID) -> Item:
    fields = {**data.model_dump(), "owner_id": owner_id, "category_id": category_id}
    return Item(id=item_id(data.name), **fields)


def principal(user: User) -> Principal:
    return Principal(user.id, user.role, load_features().permissions.of(user.role))
