"""Valid webhooks and deliveries with one call."""

from typing import Any

from app.features.events.event_types import type_names
from app.features.users.models.user import User
from app.features.webhooks.models.delivery import WebhookDelivery
from app.features.webhooks.models.webhook import Webhook, receiving_scopes
from app.security.principals import Role
from tests.conftest import Save
from tests.scopes import PERMISSIONS


def make_webhook(owner: User, **fields: Any) -> Webhook:
    """Its secret is encrypted with another key than that of the service."""
    given = {
        "url": "https://hooks.example.com/",
        "events": type_names(),
        "scopes": receiving_scopes(PERMISSIONS.of(owner.role or Role.USER)),
        "secret_encrypted": b"sealed",
        "owner_id": owner.id,
    }
    return Webhook(**given | fields)


def make_delivery(webhook: Webhook, **fields: Any) -> WebhookDelivery:
    given = {"webhook_id": webhook.id, "event_type": "webhook.test", "payload": "{}"}
    return WebhookDelivery(**given | fields)


async def save_listed(save: Save, owner: User) -> None:
    """Store one that the owner finds in the list."""
    await save(make_webhook(owner))
