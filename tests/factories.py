"""Valid objects with one call. Name only what the test is about."""

import itertools
from decimal import Decimal
from typing import Any

from app.features.categories.models import Category
from app.features.events.event_types import type_names
from app.features.files.models import File
from app.features.items.models import Item
from app.features.posts.models import Post
from app.features.users.models.user import User
from app.features.webhooks.models.delivery import WebhookDelivery
from app.features.webhooks.models.webhook import Webhook, receiving_scopes
from app.jobs.models import Task
from app.runtime.canonical import canonical
from app.runtime.clock import now
from app.security.principals import Role
from tests.scopes import PERMISSIONS

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


def make_post(author: User, **fields: Any) -> Post:
    return Post(**{"title": "On oiling walnut", "body": "Thinly.", "author_id": author.id} | fields)


def make_published_post(author: User, **fields: Any) -> Post:
    post = make_post(author, **fields)
    post.publish(at=now())
    return post


def make_file(owner: User, **fields: Any) -> File:
    """A row without a stored object."""
    given = {
        "name": "report.pdf",
        "size": 1000,
        "sha256": "0" * 64,
        "content_type": "application/pdf",
        "owner_id": owner.id,
    }
    return File(**given | fields)


def make_task(owner: User, **fields: Any) -> Task:
    given = {"kind": "process_item", "payload": {}, "request_id": "tests", "owner_id": owner.id}
    return Task(**given | fields)


def make_webhook(owner: User, **fields: Any) -> Webhook:
    """Its secret is sealed with another key than that of the service."""
    given = {
        "url": "https://hooks.example.com/",
        "events": type_names(),
        "scopes": receiving_scopes(PERMISSIONS.of(owner.role or Role.USER)),
        "secret_sealed": b"sealed",
        "owner_id": owner.id,
    }
    return Webhook(**given | fields)


def make_delivery(webhook: Webhook, **fields: Any) -> WebhookDelivery:
    given = {"webhook_id": webhook.id, "event_type": "webhook.test", "payload": "{}"}
    return WebhookDelivery(**given | fields)


def item_body(**fields: Any) -> dict[str, Any]:
    return {"name": "Walnut desk", "price": "899.00"} | fields
