"""Valid objects with one call. Name only what the test is about."""

import itertools
from decimal import Decimal
from typing import Any

from app.features.background_jobs.models import Task
from app.features.categories.models import Category
from app.features.items.models import Item
from app.features.users.models.user import User
from app.runtime.canonical import canonical

PASSWORD = "correct horse battery staple"
# argon2id of PASSWORD with the cheapest parameters: hashing is not what most tests are about.
PASSWORD_HASH = (
    "$argon2id$v=19$m=8,t=1,p=1$ao0RAuA85/xfa22NsZZyrg$ymRTbsJuU1561/re/W2XLe4kpulhHAc0exLJMqdYBAY"
)

serial = itertools.count(1)


def make_user(**fields: Any) -> User:
    """An account whose e-mail address is confirmed, since others may only read themselves."""
    number = next(serial)
    given = {"email": f"user{number}@example.com", "username": f"user{number}"} | fields
    canonical_names = {
        "email_canonical": canonical(given["email"]),
        "username_canonical": canonical(given["username"]),
    }
    defaults = {"password_hash": PASSWORD_HASH, "email_verified": True}
    return User(**defaults | given | canonical_names)


def make_item(owner: User, **fields: Any) -> Item:
    return Item(
        **{"name": "Walnut desk", "price": Decimal("899.00"), "owner_id": owner.id} | fields
    )


def make_category(**fields: Any) -> Category:
    return Category(**{"name": f"Category {next(serial)}"} | fields)


def make_task(owner: User, **fields: Any) -> Task:
    given = {"kind": "process_item", "payload": {}, "request_id": "tests", "owner_id": owner.id}
    return Task(**given | fields)


def item_body(**fields: Any) -> dict[str, Any]:
    return {"name": "Walnut desk", "price": "899.00"} | fields
