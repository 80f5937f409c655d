"""The queue of webhook deliveries: which are due, and which sender has claimed them.

Works on the webhook_deliveries table. Flushes; never commits.
"""

import uuid
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import (
    CTE,
    ColumnElement,
    ScalarSelect,
    case,
    false,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.sql.selectable import LateralFromClause

from app.db.executor import Row
from app.db.session import AsyncSession
from app.features.events.crud import events
from app.features.events.models.event import Position
from app.features.users.crud.sessions import IS_USABLE
from app.features.users.models.user import User
from app.features.webhooks.models.delivery import IS_OPEN, DeliveryStatus, WebhookDelivery
from app.features.webhooks.models.webhook import Webhook

# Senders listen here for what is to be sent.
CHANNEL = "webhook_deliveries"
# A sender that has not recorded the outcome by then is lost; longer than any request lasts.
LEASE = timedelta(seconds=30)
# At most so many are sent to one webhook at once; to one that fails or is slow, one.
LANE = 4
SLOW = timedelta(seconds=1)

CLAIMED = [
    WebhookDelivery.id,
    WebhookDelivery.webhook_id,
    WebhookDelivery.attempts,
    WebhookDelivery.payload,
    WebhookDelivery.event_transaction_id,
    WebhookDelivery.event_id,
    Webhook.url,
    Webhook.secret_sealed,
    Webhook.old_secret_sealed,
    Webhook.overlap_until,
]
# How many deliveries wait for a webhook.
WAITING = (
    select(func.count())
    .select_from(WebhookDelivery)
    .where(WebhookDelivery.webhook_id == Webhook.id, IS_OPEN)
    .correlate(Webhook)
    .scalar_subquery()
)
IS_FAILING = Webhook.failing_since.is_not(None)


async def claim(session: AsyncSession, limit: int, *, failing: bool) -> Sequence[Row]:
    """Take up to so many that are due, for webhooks that fail or for those that do not.

    No webhook gets more than its lane. Returns `id, webhook_id, attempts, payload`, and of the
    webhook `url`, the sealed secrets and `overlap_until`. Fails those whose event is gone.
    """
    chosen = first_of_all(limit, failing=failing)
    claimed = await session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.id == chosen.c.id, Webhook.id == WebhookDelivery.webhook_id)
        .values(
            status=DeliveryStatus.SENDING,
            attempts=WebhookDelivery.attempts + 1,
            due_at=func.now() + LEASE,
            old_due_at=None,
        )
        .returning(*CLAIMED)
        .execution_options(synchronize_session=False)
    )
    rows = [dict(row) for row in claimed.mappings()]
    await render(session, rows)
    return [row for row in rows if row["payload"] is not None]


async def render(session: AsyncSession, rows: Sequence[Row]) -> None:
    """Give each row the body that its event makes; fail those whose event is gone."""
    pointing = [row for row in rows if row["payload"] is None]
    found = await events.find(session, [position_in(row) for row in pointing]) if pointing else {}
    for row in pointing:
        event = found.get(position_in(row))
        row["payload"] = event.json if event else None
    expired = [row["id"] for row in pointing if row["payload"] is None]
    if expired:
        await close(session, WebhookDelivery.id.in_(expired), error="message_expired")


def position_in(row: Row) -> Position:
    return Position(row["event_transaction_id"], row["event_id"])


async def close(session: AsyncSession, which: ColumnElement[bool], *, error: str) -> None:
    """Fail deliveries without another attempt."""
    await session.execute(
        update(WebhookDelivery)
        .where(which)
        .values(status=DeliveryStatus.FAILED, due_at=None, old_due_at=None, error=error)
        .execution_options(synchronize_session=False)
    )


def first_of_all(limit: int, *, failing: bool) -> CTE:
    """Of those whose turn it is, the oldest; of webhooks that fail, any.

    More may fail than there are places: by age, one that works again would wait behind the
    backlog of all that do not.
    """
    due = first_due()
    order = [func.random()] if failing else [due.c.due_at, due.c.id]
    return (
        select(due.c.id)
        .select_from(Webhook)
        .join(User, User.id == Webhook.owner_id)
        .join(due, true())
        .where(Webhook.is_active, IS_USABLE, User.email_verified)
        .where(IS_FAILING if failing else ~IS_FAILING)
        .order_by(*order)
        .limit(limit)
        .cte("chosen")
    )


def first_due() -> LateralFromClause:
    """Of each webhook as many as there is room for in its lane."""
    return (
        select(WebhookDelivery.id, WebhookDelivery.next_attempt_at.label("due_at"))
        .where(WebhookDelivery.webhook_id == Webhook.id, IS_OPEN)
        .where(WebhookDelivery.next_attempt_at <= func.now())
        .order_by(WebhookDelivery.next_attempt_at, WebhookDelivery.id)
        .limit(room_in_lane())
        .with_for_update(skip_locked=True)
        .correlate(Webhook)
        .lateral("due")
    )


def room_in_lane() -> ScalarSelect[int]:
    """The lane, less what is in flight; one that keeps us waiting is sent nothing beside that."""
    is_slow = WebhookDelivery.next_attempt_at < func.now() + (LEASE - SLOW)
    is_narrow = or_(IS_FAILING, func.coalesce(func.bool_or(is_slow), false()))
    lane = case((is_narrow, 1), else_=LANE)
    return (
        select(func.greatest(lane - func.count(), 0))
        .select_from(WebhookDelivery)
        .where(WebhookDelivery.webhook_id == Webhook.id, IS_OPEN)
        .where(WebhookDelivery.status == DeliveryStatus.SENDING)
        .where(WebhookDelivery.next_attempt_at > func.now())
        .correlate(Webhook)
        .scalar_subquery()
    )


async def find_attempt(
    session: AsyncSession, delivery_id: uuid.UUID, attempt: int
) -> WebhookDelivery | None:
    """Return the message, locked, if that attempt still is the one that counts."""
    found: WebhookDelivery | None = await session.scalar(
        select(WebhookDelivery)
        .where(WebhookDelivery.id == delivery_id, WebhookDelivery.attempts == attempt)
        .where(WebhookDelivery.status == DeliveryStatus.SENDING)
        .with_for_update()
    )
    return found
