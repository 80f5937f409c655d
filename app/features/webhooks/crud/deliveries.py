"""Queries and changes of the webhook_deliveries table. Flushes; never commits."""

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    bindparam,
    delete,
    func,
    select,
)

from app.db.executor import PoolReader
from app.db.listing import Listing, PageRequest, PageRows
from app.db.unit_of_work import UnitOfWork
from app.errors import NotFound
from app.features.events.crud import events
from app.features.events.schemas import EventRead
from app.features.webhooks.crud.queue import CHANNEL, WAITING
from app.features.webhooks.models.delivery import MessageExpired, WebhookDelivery
from app.features.webhooks.models.queue import QueueLimits, TooManyDeliveriesWaiting
from app.features.webhooks.models.webhook import Webhook
from app.features.webhooks.schemas.delivery import WebhookDeliveryRead
from app.runtime.clock import now
from app.runtime.ids import uuid7
from app.security.principals import Principal

TEST = "webhook.test"
RETENTION = timedelta(days=30)

LISTING = Listing(
    [getattr(WebhookDelivery, name).label(name) for name in WebhookDeliveryRead.model_fields],
    where=[WebhookDelivery.webhook_id == bindparam("webhook_id")],
    filters={"status": lambda: WebhookDelivery.status == bindparam("status")},
    sorts={"created_at": WebhookDelivery.created_at},
    default_sort=("-created_at",),
    key=WebhookDelivery.id,
)


async def list_page(
    reads: PoolReader, request: PageRequest, filters: Mapping[str, Any], *, webhook_id: uuid.UUID
) -> PageRows:
    """Return one page of the messages to the webhook."""
    return await LISTING.page(reads, request, {**filters, "webhook_id": webhook_id})


async def get_for_change(
    uow: UnitOfWork, delivery_id: uuid.UUID, webhook_id: uuid.UUID, *, viewer: Principal
) -> tuple[WebhookDelivery, Webhook]:
    """Return the message, locked until the transaction ends, and its webhook.

    Raises:
        NotFound: there is none, or it belongs to another user.
    """
    statement = (
        select(WebhookDelivery, Webhook)
        .join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
        .where(WebhookDelivery.id == delivery_id, Webhook.id == webhook_id)
        .where(bindparam("sees_all") | (Webhook.owner_id == bindparam("viewer_id")))
        .with_for_update(of=WebhookDelivery)
    )
    found = (await uow.session.execute(statement, viewer.as_viewer())).one_or_none()
    if found is None:
        raise NotFound("There is no such delivery.")
    return found[0], found[1]


async def create_test(uow: UnitOfWork, webhook: Webhook, limits: QueueLimits) -> WebhookDelivery:
    """Queue a `webhook.test`, which is sent when the transaction commits.

    Raises:
        TooManyDeliveriesWaiting: the queue of the webhook is full.
    """
    waiting = await uow.session.scalar(select(WAITING).where(Webhook.id == webhook.id)) or 0
    if waiting >= limits.per_webhook:
        raise TooManyDeliveriesWaiting(f"{waiting} deliveries wait for the webhook.")
    data = {"webhook_id": str(webhook.id)}
    event = EventRead(id=str(uuid7()), type=TEST, timestamp=now(), data=data)
    delivery = WebhookDelivery(
        webhook_id=webhook.id,
        event_type=TEST,
        payload=event.model_dump_json(),
        next_attempt_at=now(),
    )
    uow.session.add(delivery)
    await uow.session.flush()
    await uow.notify(CHANNEL, "")
    return delivery


async def redeliver(uow: UnitOfWork, delivery: WebhookDelivery) -> WebhookDelivery:
    """Queue the message again, due at once.

    Raises:
        DeliveryInProgress: it is being sent.
        MessageExpired: its event was deleted.
    """
    await check_renderable(uow, delivery)
    delivery.redeliver(at=now())
    await uow.session.flush()
    await uow.notify(CHANNEL, "")
    return delivery


async def check_renderable(uow: UnitOfWork, delivery: WebhookDelivery) -> None:
    position = delivery.position
    if delivery.payload is None and not (position and await events.find(uow, [position])):
        raise MessageExpired("The event of the message is no longer kept.")


async def delete_old(uow: UnitOfWork) -> None:
    """Delete deliveries older than `RETENTION`."""
    await uow.session.execute(
        delete(WebhookDelivery).where(WebhookDelivery.created_at < func.now() - RETENTION)
    )
