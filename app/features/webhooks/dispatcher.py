"""Dispatcher of webhook events: queues each event once for each webhook that receives it.

Works in pages, so that no transaction grows with the number of webhooks. See
docs/adr/0019-webhooks-have-a-queue-of-their-own.md and docs/adr/0029.
"""

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import suppress

from app.db.executor import PoolReader
from app.db.unit_of_work import UnitOfWorkFactory
from app.features.events.crud import consumer_offsets, events
from app.features.events.crud.consumer_offsets import StoredOffset
from app.features.events.models.event import Position
from app.features.events.schemas import PublishedEvent
from app.features.webhooks.crud import backlogs as webhook_backlogs
from app.features.webhooks.crud import webhooks
from app.features.webhooks.models.queue import QueueLimits
from app.features.webhooks.models.webhook import BacklogRow, SubscriberRow, recipient
from app.runtime.background import BackgroundLoop

POLL_SECONDS = 1.0
# Batches notifications: events within this time are read together.
PACE_SECONDS = 0.05
# The maximum number of deliveries written in one transaction.
PAGE = 1000
BACKLOGS_TRIED = 10


class WebhookDispatcher(BackgroundLoop):
    """Runs in each worker; if several read the same events, the first to advance wins."""

    name = "webhook dispatcher"

    def __init__(
        self,
        reads: PoolReader,
        units_of_work: UnitOfWorkFactory,
        limits: QueueLimits,
        *,
        page: int = PAGE,
    ) -> None:
        super().__init__()
        self._reads = reads
        self._units_of_work = units_of_work
        self._limits = limits
        self._page = page
        self._notified = asyncio.Event()

    def notify(self, _: str = "") -> None:
        """Start a run without delay: there may be new events."""
        self._notified.set()

    async def work(self) -> None:
        self._notified.clear()
        # Both in each run: neither new events nor backlogs may starve the other.
        has_more = [await self.dispatch(), await self.catch_up()]
        if any(has_more):
            self._notified.set()

    async def pause(self) -> None:
        await asyncio.sleep(PACE_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await self._notified.wait()

    async def dispatch(self) -> bool:
        """Queue deliveries for one page of events; return whether there may be more."""
        found = await consumer_offsets.find_offset(self._reads, webhooks.READER)
        if found is None:
            return False
        stored, start = found
        if start != stored.position:
            await self._advance(stored, StoredOffset(start), {})
            return True
        batch = await events.read_behind(self._reads, start)
        has_more = bool(batch.events) and await self._queue_page(stored, batch.events)
        return has_more or batch.is_full or batch.is_unsettled

    async def _queue_page(self, stored: StoredOffset, batch: Sequence[PublishedEvent]) -> bool:
        """Queue one page: several events, or the first event for a page of its webhooks."""
        first = batch[0]
        page = stored.page_of(first.position)
        types = {published.event.type for published in ([first] if page else batch)}
        subscribers = await webhooks.list_subscribers(
            self._reads, types, after=page, limit=self._page
        )
        is_last = len(subscribers) < self._page
        is_whole = is_last and page is None
        taken = batch[: self._page // max(len(subscribers), 1)] if is_whole else [first]
        end = StoredOffset(taken[-1].position)
        if not is_last:
            end = StoredOffset(stored.position, first.position.id, subscribers[-1]["id"])
        await self._advance(stored, end, events_by_webhook(subscribers, taken))
        return not is_last or len(taken) < len(batch)

    async def _advance(
        self, stopped: StoredOffset, to: StoredOffset, due: dict[uuid.UUID, list[PublishedEvent]]
    ) -> None:
        async with self._units_of_work.begin() as uow:
            is_first = await consumer_offsets.advance(uow, webhooks.READER, stopped, to)
            if is_first and due:
                await webhook_backlogs.queue(uow, due, self._limits, behind=stopped.position)

    async def catch_up(self) -> bool:
        """Queue a part of one backlog; return whether there was one with free capacity."""
        for webhook in await webhook_backlogs.candidates(self._reads, BACKLOGS_TRIED):
            if capacity := await webhook_backlogs.capacity(self._reads, webhook, self._limits):
                await self._queue_backlog(webhook, min(capacity, self._page))
                return True
        return False

    async def _queue_backlog(self, webhook: BacklogRow, capacity: int) -> None:
        behind = Position(webhook["backlog_transaction_id"], webhook["backlog_event_id"])
        async with self._units_of_work.begin() as uow:
            reader = await consumer_offsets.lock(uow, webhooks.READER)
            if not await webhook_backlogs.lock_backlog(uow, webhook["id"], behind):
                return
            # Read after the lock: until the commit, the dispatcher cannot skip events unread here.
            batch = await events.read_behind(self._reads, behind)
            known = [
                published for published in batch.events if published.position <= reader.position
            ]
            taken = limit_to_capacity(webhook, known, capacity)
            due = events_by_webhook([webhook], taken)
            await webhook_backlogs.insert_all(uow, due)
            is_read_to_end = not (batch.is_full and known == batch.events)
            is_caught_up = is_read_to_end and len(taken) == len(known)
            # While an event is being paged, this webhook may have been skipped for it.
            if is_caught_up and reader.paged_event_id is None:
                await webhook_backlogs.end(uow, webhook["id"])
            elif taken:
                await webhook_backlogs.advance(uow, webhook["id"], taken[-1])


def events_by_webhook(
    subscribers: Sequence[SubscriberRow], batch: Sequence[PublishedEvent]
) -> dict[uuid.UUID, list[PublishedEvent]]:
    """Return the events for each webhook that receives any."""
    due = {row["id"]: received(row, batch) for row in subscribers}
    return {webhook_id: events for webhook_id, events in due.items() if events}


def limit_to_capacity(
    webhook: SubscriberRow, batch: Sequence[PublishedEvent], capacity: int
) -> Sequence[PublishedEvent]:
    """Return the longest prefix of the batch with at most `capacity` events for the webhook."""
    beyond = received(webhook, batch)[capacity:]
    return batch[: batch.index(beyond[0])] if beyond else batch


def received(subscriber: SubscriberRow, batch: Sequence[PublishedEvent]) -> list[PublishedEvent]:
    """Return the events that the webhook subscribes to and its owner may read."""
    owner = recipient(subscriber)
    types = set(subscriber["events"])
    return [each for each in batch if each.event.type in types and each.is_for(owner)]
