"""Queue of webhook deliveries: which are due, and which are claimed by a sender.

Works on the webhook_deliveries table. Flushes; never commits.
"""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import cast

from sqlalchemy import (
    CTE,
    ColumnElement,
    ScalarSelect,
    case,
    exists,
    false,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.sql.selectable import LateralFromClause

from app.db.executor import CompiledStatement, PoolReader, Row
from app.db.unit_of_work import UnitOfWork
from app.features.events.crud import events
from app.features.events.models.event import Position
from app.features.users.crud.sessions import IS_USABLE
from app.features.users.models.user import User
from app.features.webhooks.models.delivery import (
    IS_OPEN,
    ClaimedRow,
    DeliveryStatus,
    WebhookDelivery,
)
from app.features.webhooks.models.webhook import RecipientRow, Webhook, recipient

# Senders are notified here of due deliveries.
CHANNEL = "webhook_deliveries"
# Longer than any request: a delivery without an outcome by then is sent again.
LEASE = timedelta(seconds=30)
# Concurrent requests to one webhook; one that fails or is slow gets a single request.
MAX_CONCURRENT = 4
SLOW = timedelta(seconds=1)

CLAIMED = [
    WebhookDelivery.id,
    WebhookDelivery.webhook_id,
    WebhookDelivery.attempts,
    WebhookDelivery.payload,
    WebhookDelivery.event_transaction_id,
    WebhookDelivery.event_id,
    Webhook.url,
    Webhook.secret_encrypted,
    Webhook.old_secret_encrypted,
    Webhook.overlap_until,
    Webhook.owner_id,
    Webhook.scopes,
    User.role,
]
# The number of open deliveries of a webhook.
WAITING = (
    select(func.count())
    .select_from(WebhookDelivery)
    .where(WebhookDelivery.webhook_id == Webhook.id, IS_OPEN)
    .correlate(Webhook)
    .scalar_subquery()
)
IS_FAILING = Webhook.failing_since.is_not(None)
# Idle senders ask each second; to build the statement that claims takes 20 times as long.
HAS_DUE = CompiledStatement(
    select(
        exists()
        .where(Webhook.is_active)
        .where(
            exists()
            .where(WebhookDelivery.webhook_id == Webhook.id, IS_OPEN)
            .where(WebhookDelivery.next_attempt_at <= func.now())
            .correlate(Webhook)
        )
    )
)


async def has_due(reads: PoolReader) -> bool:
    """Return whether there may be something to claim."""
    return bool(await reads.scalar(HAS_DUE))


async def claim(uow: UnitOfWork, limit: int, *, failing: bool) -> Sequence[ClaimedRow]:
    """Claim up to `limit` due deliveries, of failing webhooks or of the others.

    Respects the concurrency limit of each webhook. Deliveries whose event was deleted, or may no
    longer be read by the owner, fail.
    """
    selected = select_due(limit, failing=failing)
    claimed = await uow.session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.id == selected.c.id, Webhook.id == WebhookDelivery.webhook_id)
        .where(User.id == Webhook.owner_id)
        .values(
            status=DeliveryStatus.SENDING,
            attempts=WebhookDelivery.attempts + 1,
            next_attempt_at=func.now() + LEASE,
        )
        .returning(*CLAIMED)
        .execution_options(synchronize_session=False)
    )
    rows = [dict(row) for row in claimed.mappings()]
    await render(uow, rows)
    return [cast("ClaimedRow", row) for row in rows if row["payload"] is not None]


async def render(uow: UnitOfWork, rows: Sequence[Row]) -> None:
    """Render the body of each row from its event; fail those that cannot be sent."""
    pointing = [row for row in rows if row["payload"] is None]
    found = await events.find(uow, [position_in(row) for row in pointing]) if pointing else {}
    failed: dict[str, list[uuid.UUID]] = {}
    for row in pointing:
        event = found.get(position_in(row))
        if event is None:
            failed.setdefault("message_expired", []).append(row["id"])
        # The owner's role, or the scopes of the webhook, may have changed since it was queued.
        elif not event.is_for(recipient(cast("RecipientRow", row))):
            failed.setdefault("not_permitted", []).append(row["id"])
        else:
            row["payload"] = event.json
    for error, ids in failed.items():
        await close(uow, WebhookDelivery.id.in_(ids), error=error)


def position_in(row: Row) -> Position:
    return Position(row["event_transaction_id"], row["event_id"])


async def close(uow: UnitOfWork, which: ColumnElement[bool], *, error: str) -> None:
    """Fail deliveries without another attempt."""
    await uow.session.execute(
        update(WebhookDelivery)
        .where(which)
        .values(status=DeliveryStatus.FAILED, next_attempt_at=None, error=error)
        .execution_options(synchronize_session=False)
    )


def select_due(limit: int, *, failing: bool) -> CTE:
    """Select the oldest due deliveries; of failing webhooks, random ones.

    More webhooks may fail than there are slots: in order of age, a recovered webhook would wait
    behind the deliveries of all that still fail.
    """
    due = due_per_webhook()
    order = [func.random()] if failing else [due.c.next_attempt_at, due.c.id]
    return (
        select(due.c.id)
        .select_from(Webhook)
        .join(User, User.id == Webhook.owner_id)
        .join(due, true())
        .where(Webhook.is_active, IS_USABLE, User.email_verified)
        .where(IS_FAILING if failing else ~IS_FAILING)
        .order_by(*order)
        .limit(limit)
        .cte("selected")
    )


def due_per_webhook() -> LateralFromClause:
    """Select the oldest due deliveries of each webhook, up to its free concurrency."""
    return (
        select(WebhookDelivery.id, WebhookDelivery.next_attempt_at)
        .where(WebhookDelivery.webhook_id == Webhook.id, IS_OPEN)
        .where(WebhookDelivery.next_attempt_at <= func.now())
        .order_by(WebhookDelivery.next_attempt_at, WebhookDelivery.id)
        .limit(free_concurrency())
        .with_for_update(skip_locked=True)
        .correlate(Webhook)
        .lateral("due")
    )


def free_concurrency() -> ScalarSelect[int]:
    """Return the webhook's concurrency limit less its requests in flight.

    The limit is 1 if the webhook fails or has a request in flight for longer than `SLOW`.
    """
    is_slow = WebhookDelivery.next_attempt_at < func.now() + (LEASE - SLOW)
    is_reduced = or_(IS_FAILING, func.coalesce(func.bool_or(is_slow), false()))
    limit = case((is_reduced, 1), else_=MAX_CONCURRENT)
    return (
        select(func.greatest(limit - func.count(), 0))
        .select_from(WebhookDelivery)
        .where(WebhookDelivery.webhook_id == Webhook.id, IS_OPEN)
        .where(WebhookDelivery.status == DeliveryStatus.SENDING)
        .where(WebhookDelivery.next_attempt_at > func.now())
        .correlate(Webhook)
        .scalar_subquery()
    )


async def find_attempt(
    uow: UnitOfWork, delivery_id: uuid.UUID, attempt: int
) -> WebhookDelivery | None:
    """Return the message, locked, unless its lease expired and another attempt started."""
    found: WebhookDelivery | None = await uow.session.scalar(
        select(WebhookDelivery)
        .where(WebhookDelivery.id == delivery_id, WebhookDelivery.attempts == attempt)
        .where(WebhookDelivery.status == DeliveryStatus.SENDING)
        .with_for_update()
    )
    return found
