"""Seed data: a webhook of the demo user and a delivery that failed."""

import uuid

from app.config.settings import Settings
from app.db.unit_of_work import UnitOfWork
from app.features.events.crud import consumer_offsets
from app.features.webhooks.crud.webhooks import READER
from app.features.webhooks.delivery import new_secret
from app.features.webhooks.models.delivery import DeliveryStatus, WebhookDelivery
from app.features.webhooks.models.webhook import Webhook, receiving_scopes
from app.features.webhooks.schemas.delivery import DELIVERY_EXAMPLE_ID
from app.features.webhooks.schemas.webhook import EXAMPLE_ID
from app.security.encryption import Encryptor
from app.security.principals import Principal


async def fill(uow: UnitOfWork, user: Principal, settings: Settings) -> None:
    """Create a webhook with an event that is rare: its host does not exist."""
    webhook = Webhook(
        id=uuid.UUID(EXAMPLE_ID),
        owner_id=user.id,
        url="https://hooks.example.com/archive",
        events=["item.deleted"],
        scopes=receiving_scopes(user.scopes),
        description="The archive",
        secret_encrypted=Encryptor(settings.signing_secret).encrypt(new_secret()),
    )
    uow.session.add(webhook)
    await uow.session.flush()
    uow.session.add(failed_delivery(webhook))
    await consumer_offsets.begin(uow, READER)


def failed_delivery(webhook: Webhook) -> WebhookDelivery:
    return WebhookDelivery(
        id=uuid.UUID(DELIVERY_EXAMPLE_ID),
        webhook_id=webhook.id,
        event_type="webhook.test",
        payload="{}",
        status=DeliveryStatus.FAILED,
        attempts=1,
        error="upstream_failed",
    )
