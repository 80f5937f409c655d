"""Queries and changes of the webhooks table. Flushes; never commits."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import String, Uuid, and_, bindparam, func, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from app.db.executor import CompiledStatement, PoolReader, columns_of
from app.db.listing import Listing, PageRequest, PageRows
from app.db.unit_of_work import UnitOfWork
from app.errors import found
from app.features.events.crud import consumer_offsets
from app.features.users.crud.sessions import IS_USABLE
from app.features.users.models.user import User
from app.features.webhooks.crud import queue as webhook_queue
from app.features.webhooks.models.delivery import IS_OPEN, WebhookDelivery
from app.features.webhooks.models.webhook import (
    DisabledReason,
    SubscriberRow,
    TooManyWebhooks,
    Webhook,
    WebhookRow,
    receiving_scopes,
)
from app.features.webhooks.schemas.webhook import WebhookCreate, WebhookUpdate
from app.runtime.clock import now
from app.security.principals import Principal

# The consumer of events that queues deliveries.
READER = "webhooks"

COLUMNS = columns_of(Webhook, WebhookRow)
IS_VISIBLE = or_(bindparam("sees_all"), Webhook.owner_id == bindparam("viewer_id"))

BY_ID = CompiledStatement[WebhookRow](
    select(*COLUMNS).where(Webhook.id == bindparam("id"), IS_VISIBLE)
)
SUBSCRIBERS = CompiledStatement[SubscriberRow](
    select(Webhook.owner_id, Webhook.scopes, User.role, Webhook.id, Webhook.events)
    .join(User, User.id == Webhook.owner_id)
    .where(Webhook.is_active, IS_USABLE, User.email_verified, Webhook.backlog_since.is_(None))
    .where(Webhook.events.overlap(bindparam("types", type_=ARRAY(String))))
    .where(Webhook.id > bindparam("after", type_=Uuid()))
    .order_by(Webhook.id)
    .limit(bindparam("limit"))
)
FIRST = uuid.UUID(int=0)

LISTING = Listing[WebhookRow](
    COLUMNS,
    where=[IS_VISIBLE],
    filters={},
    sorts={"created_at": Webhook.created_at},
    default_sort=("-created_at",),
    key=Webhook.id,
)


async def get(reads: PoolReader, webhook_id: uuid.UUID, *, viewer: Principal) -> WebhookRow:
    """Return the webhook as a row.

    Raises:
        NotFound: there is none, or it belongs to another user.
    """
    return found(await reads.first(BY_ID, id=webhook_id, **viewer.as_viewer()), "webhook")


async def list_page(
    reads: PoolReader, request: PageRequest, *, viewer: Principal
) -> PageRows[WebhookRow]:
    """Return one page of the webhooks that the viewer may see."""
    return await LISTING.page(reads, request, viewer.as_viewer())


async def list_subscribers(
    reads: PoolReader, types: Collection[str], *, after: uuid.UUID | None, limit: int
) -> Sequence[SubscriberRow]:
    """Return the webhooks subscribed to one of the types, and the roles of their owners.

    Ordered by `id`, starting behind `after`; webhooks with a backlog are excluded.
    """
    return await reads.all(SUBSCRIBERS, types=list(types), after=after or FIRST, limit=limit)


async def get_for_change(uow: UnitOfWork, webhook_id: uuid.UUID, *, viewer: Principal) -> Webhook:
    """Return the webhook, locked until the transaction ends.

    Raises:
        NotFound: there is none, or it belongs to another user.
    """
    statement = select(Webhook).where(Webhook.id == webhook_id, IS_VISIBLE)
    return found(
        await uow.session.scalar(statement.with_for_update(key_share=True), viewer.as_viewer()),
        "webhook",
    )


async def create(
    uow: UnitOfWork, data: WebhookCreate, *, owner: Principal, encrypted: bytes, limit: int
) -> Webhook:
    """Create a webhook that receives the events that its owner may read.

    Raises:
        TooManyWebhooks: the owner has `limit` webhooks.
    """
    # Locks the owner: otherwise concurrent requests could exceed the limit.
    await uow.session.execute(
        select(User.id).where(User.id == owner.id).with_for_update(key_share=True)
    )
    count = select(func.count(Webhook.id)).where(Webhook.owner_id == owner.id)
    if (await uow.session.scalar(count) or 0) >= limit:
        raise TooManyWebhooks(f"An account may have {limit} webhooks.")
    scopes = receiving_scopes(owner.scopes)
    fields = data.model_dump() | {"scopes": scopes, "secret_encrypted": encrypted}
    webhook = Webhook(owner_id=owner.id, **fields)
    uow.session.add(webhook)
    await uow.session.flush()
    await consumer_offsets.begin(uow, READER)
    return webhook


async def update_fields(
    uow: UnitOfWork, webhook: Webhook, data: WebhookUpdate, *, by: Principal
) -> Webhook:
    """Change the fields that were sent; the webhook then receives what `by` may read."""
    fields = data.model_dump()
    is_active = fields.pop("is_active", webhook.is_active)
    for field, value in fields.items():
        setattr(webhook, field, value)
    webhook.scopes = receiving_scopes(by.scopes)
    if is_active and not webhook.is_active:
        webhook.enable()
    await uow.session.flush()
    if webhook.is_active and not is_active:
        await disable(uow, webhook, DisabledReason.OWNER)
    return webhook


async def disable_all(uow: UnitOfWork, owner_id: uuid.UUID, reason: DisabledReason) -> bool:
    """Disable every webhook of the user; return whether there was an active one."""
    statement = select(Webhook).where(Webhook.owner_id == owner_id, Webhook.is_active)
    active = (await uow.session.scalars(statement.with_for_update(key_share=True))).all()
    for webhook in active:
        await disable(uow, webhook, reason)
    return bool(active)


async def disable(uow: UnitOfWork, webhook: Webhook, reason: DisabledReason) -> None:
    """Disable the webhook; its open deliveries fail."""
    webhook.disable(reason)
    await uow.session.flush()
    is_waiting = and_(WebhookDelivery.webhook_id == webhook.id, IS_OPEN)
    await webhook_queue.close(uow, is_waiting, error="webhook_disabled")


async def rotate(uow: UnitOfWork, webhook: Webhook, *, encrypted: bytes) -> datetime:
    """Replace the secret; return until when the previous one stays valid."""
    until = webhook.rotate(encrypted, at=now())
    await uow.session.flush()
    return until


async def delete(uow: UnitOfWork, webhook: Webhook) -> None:
    await uow.session.delete(webhook)
    await uow.session.flush()


async def record_success(uow: UnitOfWork, webhook_id: uuid.UUID) -> None:
    """Mark the webhook as working: clears `failing_since`."""
    await uow.session.execute(
        update_silently(webhook_id, failing_since=None).where(Webhook.failing_since.is_not(None))
    )


async def record_failure(uow: UnitOfWork, webhook_id: uuid.UUID) -> Webhook | None:
    """Set `failing_since` unless set; return the webhook, locked, or None if it was deleted."""
    await uow.session.execute(
        update_silently(webhook_id, failing_since=func.now()).where(Webhook.failing_since.is_(None))
    )
    found = select(Webhook).where(Webhook.id == webhook_id).with_for_update(key_share=True)
    webhook: Webhook | None = await uow.session.scalar(found)
    return webhook


def update_silently(webhook_id: uuid.UUID, **fields: Any) -> Any:
    """Return an update by the service itself that leaves `version` and `updated_at` unchanged."""
    return (
        update(Webhook)
        .where(Webhook.id == webhook_id)
        .values(**fields, updated_at=Webhook.updated_at)
        .execution_options(synchronize_session=False)
    )
