"""Bounded queueing of events for webhooks, and their backlogs. Flushes; never commits.

Deliveries are queued up to the limits. Beyond them a webhook gets a backlog: the position behind
which events are not queued yet.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select

from app.db.base import IdRow
from app.db.compiled_insert import compiled_insert_many, insert_many
from app.db.executor import CompiledStatement, PoolReader
from app.db.unit_of_work import UnitOfWork
from app.features.events.models.event import Position
from app.features.events.schemas import PublishedEvent
from app.features.notifications import crud as notifications
from app.features.users.crud.sessions import IS_USABLE
from app.features.users.models.user import User
from app.features.webhooks.crud.queue import CHANNEL, WAITING
from app.features.webhooks.crud.webhooks import update_silently
from app.features.webhooks.models.backlog import BACKLOG_RETENTION
from app.features.webhooks.models.delivery import DeliveryStatus, WebhookDelivery
from app.features.webhooks.models.queue import QueueLimits
from app.features.webhooks.models.webhook import BacklogRow, Webhook
from app.runtime.clock import now

Due = Mapping[uuid.UUID, Sequence[PublishedEvent]]

EXPIRED = "webhook.backlog_expired"
NO_BACKLOG = dict.fromkeys(("backlog_since", "backlog_transaction_id", "backlog_event_id"))
# Random order: the oldest backlogs may be those that never drain.
CANDIDATES = CompiledStatement[BacklogRow](
    select(
        Webhook.owner_id,
        Webhook.scopes,
        User.role,
        Webhook.id,
        Webhook.events,
        Webhook.backlog_transaction_id,
        Webhook.backlog_event_id,
    )
    .join(User, User.id == Webhook.owner_id)
    .where(Webhook.backlog_since.is_not(None), Webhook.is_active, IS_USABLE)
    .order_by(func.random())
    .limit(bindparam("limit"))
)
IN_QUEUE = CompiledStatement(
    select(Webhook.id, WAITING.label("waiting")).where(Webhook.owner_id == bindparam("owner_id"))
)

GIVEN = ("webhook_id", "event_type", "event_transaction_id", "event_id", "next_attempt_at")
# A thousand rows take 9 ms of the event loop this way, and 15 ms through the ORM.
INSERT = compiled_insert_many(WebhookDelivery, GIVEN, returning=IdRow)


async def queue(uow: UnitOfWork, due: Due, limits: QueueLimits, *, behind: Position) -> None:
    """Queue the events for each webhook, or start its backlog behind the position."""
    owners = await lock(uow, due)
    waiting = await in_queue(uow, set(owners.values()))
    accepted: dict[uuid.UUID, Sequence[PublishedEvent]] = {}
    rejected: dict[uuid.UUID, list[uuid.UUID]] = {}
    for webhook_id, owner_id in owners.items():
        of_account = waiting[owner_id]
        capacity = limits.capacity(of_account.get(webhook_id, 0), sum(of_account.values()))
        if len(due[webhook_id]) > capacity:
            rejected.setdefault(owner_id, []).append(webhook_id)
            continue
        accepted[webhook_id] = due[webhook_id]
        of_account[webhook_id] = of_account.get(webhook_id, 0) + len(due[webhook_id])
    await insert_all(uow, accepted)
    for owner_id, webhook_ids in rejected.items():
        for webhook_id in webhook_ids:
            await move(uow, webhook_id, behind, due[webhook_id][0].event.timestamp)
        await notify_owner(uow, owner_id, webhook_ids)


async def lock(uow: UnitOfWork, due: Due) -> dict[uuid.UUID, uuid.UUID]:
    """Return the owner of each webhook that still exists, locked against deletion."""
    found = await uow.session.execute(
        select(Webhook.id, Webhook.owner_id)
        .where(Webhook.id.in_(due), Webhook.is_active, Webhook.backlog_since.is_(None))
        .order_by(Webhook.id)
        .with_for_update(read=True, key_share=True)
    )
    return {row.id: row.owner_id for row in found if due[row.id]}


async def in_queue(
    uow: UnitOfWork, owner_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, dict[uuid.UUID, int]]:
    """Return the number of open deliveries by owner and webhook."""
    counts: dict[uuid.UUID, dict[uuid.UUID, int]] = {owner_id: {} for owner_id in owner_ids}
    found = select(Webhook.owner_id, Webhook.id, WAITING).where(Webhook.owner_id.in_(owner_ids))
    for owner_id, webhook_id, waiting in await uow.session.execute(found):
        counts[owner_id][webhook_id] = waiting
    return counts


async def insert_all(uow: UnitOfWork, due: Due) -> None:
    """Queue the events without checking the limits."""
    rows = [row for webhook_id, events in due.items() for row in rows_of(webhook_id, events)]
    if rows:
        await insert_many(uow, INSERT, rows)
        await uow.notify(CHANNEL, "")


def rows_of(webhook_id: uuid.UUID, events: Iterable[PublishedEvent]) -> Iterable[Mapping[str, Any]]:
    due = now()
    for published in events:
        yield {
            "webhook_id": webhook_id,
            "event_type": published.event.type,
            "event_transaction_id": published.position.transaction_id,
            "event_id": published.position.id,
            "next_attempt_at": due,
        }


async def notify_owner(
    uow: UnitOfWork, owner_id: uuid.UUID, webhook_ids: Sequence[uuid.UUID]
) -> None:
    """Notify the owner once for all webhooks that get a backlog in the same transaction."""
    more = f" and {len(webhook_ids) - 1} more" if len(webhook_ids) > 1 else ""
    await notifications.create(
        uow,
        owner_id,
        subject="A webhook is behind",
        message=f"Too many deliveries wait for the webhook {webhook_ids[0]}{more}. Newer events are"
        f" queued as soon as deliveries end, and are dropped after {BACKLOG_RETENTION.days} days.",
    )


async def candidates(reads: PoolReader, limit: int) -> Sequence[BacklogRow]:
    """Return random webhooks with a backlog."""
    return await reads.all(CANDIDATES, limit=limit)


async def capacity(reads: PoolReader, webhook: BacklogRow, limits: QueueLimits) -> int:
    """Return how many events may be queued now; 0 until half of the limit is free."""
    rows = await reads.all(IN_QUEUE, owner_id=webhook["owner_id"])
    waiting = {row["id"]: row["waiting"] for row in rows}
    counts = waiting.get(webhook["id"], 0), sum(waiting.values())
    return limits.capacity(*counts) if limits.has_drained(*counts) else 0


async def lock_backlog(uow: UnitOfWork, webhook_id: uuid.UUID, behind: Position) -> bool:
    """Lock the webhook; return False if its backlog no longer begins behind the position."""
    found = (
        select(Webhook.id)
        .where(Webhook.id == webhook_id, Webhook.is_active)
        .where(Webhook.backlog_transaction_id == behind.transaction_id)
        .where(Webhook.backlog_event_id == behind.id)
        .with_for_update(key_share=True)
    )
    return await uow.session.scalar(found) is not None


async def advance(uow: UnitOfWork, webhook_id: uuid.UUID, last: PublishedEvent) -> None:
    """Move the start of the backlog behind the event."""
    await move(uow, webhook_id, last.position, last.event.timestamp)


async def end(uow: UnitOfWork, webhook_id: uuid.UUID) -> None:
    """End the backlog: new events are queued for the webhook directly again."""
    await uow.session.execute(update_silently(webhook_id, **NO_BACKLOG))


async def delete_expired(uow: UnitOfWork) -> None:
    """Drop backlogs before their events are deleted; notify the owner, record a delivery."""
    is_old = Webhook.backlog_since < now() - BACKLOG_RETENTION
    found = select(Webhook.id, Webhook.owner_id, Webhook.backlog_since).where(is_old)
    for webhook_id, owner_id, since in await uow.session.execute(
        found.with_for_update(key_share=True)
    ):
        await end(uow, webhook_id)
        uow.session.add(
            WebhookDelivery(
                webhook_id=webhook_id,
                event_type=EXPIRED,
                status=DeliveryStatus.FAILED,
                error="backlog_expired",
            )
        )
        await notifications.create(
            uow,
            owner_id,
            subject="Events were not sent to a webhook",
            message=f"The webhook {webhook_id} was too far behind: what happened from"
            f" {since:%Y-%m-%d %H:%M} UTC until now was dropped. Read it from the API.",
        )


async def move(uow: UnitOfWork, webhook_id: uuid.UUID, behind: Position, since: datetime) -> None:
    fields = {
        "backlog_since": since,
        "backlog_transaction_id": behind.transaction_id,
        "backlog_event_id": behind.id,
    }
    await uow.session.execute(update_silently(webhook_id, **fields))
