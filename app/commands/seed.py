"""Something to look at: the people and items of a fresh development database."""

import asyncio
from decimal import Decimal

from app.core.config import Settings
from app.core.identity import ROLE_SCOPES, Principal, Role
from app.core.passwords import PasswordHasher
from app.crud import items, users
from app.db.engine import create_engine
from app.db.session import AsyncSession, create_sessionmaker
from app.models.user import User
from app.schemas.item import ItemCreate
from app.schemas.user import UserBase

PEOPLE = {"admin": "Grace Hopper", "user": "Ada Lovelace", "guest": "Alan Turing"}
ITEMS = [
    ItemCreate(name="Walnut desk", price=Decimal("899.00"), tags=["furniture", "wood"]),
    ItemCreate(name="Oak bookshelf", price=Decimal("349.50"), tags=["furniture", "wood"]),
    ItemCreate(name="Brass lamp", price=Decimal("129.99"), tags=["light"]),
    ItemCreate(name="Linen chair", price=Decimal("219.00"), tags=["furniture"]),
    ItemCreate(name="Wool carpet", price=Decimal("540.00"), tags=["textile"]),
]


def seed(settings: Settings) -> bool:
    """Fill an empty development database; say whether it was empty."""
    return asyncio.run(seed_when_empty(settings))


async def seed_when_empty(settings: Settings) -> bool:
    engine = create_engine(settings)
    try:
        async with create_sessionmaker(engine).begin() as session:
            # Two that start at once wait here for each other; the second finds people.
            await users.lock(session)
            is_empty = not await users.exist(session)
            if is_empty:
                await fill(session, settings.demo_password.get_secret_value())
            return is_empty
    finally:
        await engine.dispose()


async def fill(session: AsyncSession, password: str) -> None:
    passwords = PasswordHasher(max_concurrency=1)
    password_hash = await passwords.hash(password)
    passwords.close()
    people = {
        name: await create_person(session, name, full_name, password_hash)
        for name, full_name in PEOPLE.items()
    }
    await items.create_many(session, ITEMS, owner=principal(people["user"]))


async def create_person(
    session: AsyncSession, name: str, full_name: str, password_hash: str
) -> User:
    data = UserBase(email=f"{name}@example.com", username=name, full_name=full_name)
    person = await users.create(session, data, password_hash=password_hash, role=Role(name))
    person.email_verified = True
    return person


def principal(user: User) -> Principal:
    return Principal(user.id, user.role, ROLE_SCOPES[user.role])
