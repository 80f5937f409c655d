"""Dispatcher of webhook events: queues each event once for each webhook that receives it.

Works in pages, so that no transaction grows with the number of webhooks. See
docs/adr/0019-webhooks-have-a-queue-of-their-own.md and docs/adr/0029.
"""

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import suppress

from app.db.executor import PoolReader, Row
from app.db.unit_of_work import UnitOfWorkFactory
from app.features.events.crud import consumer_offsets as event_readers
from app.features.events.crud import events
from app.features.events.crud.consumer_offsets import Place
from app.features.events.models.event import Position
from app.features.events.schemas import PublishedEvent
from app.features.webhooks.crud import backlogs as webhook_backlogs
from app.features.webhooks.crud import webhooks
from app.features.webhooks.models.queue import QueueLimits
from app.runtime.background import BackgroundLoop
from app.security.principals import Principal

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
        found = await event_readers.find_place(self._reads, webhooks.READER)
        if found is None:
            return False
        place, start = found
        if start != place.position:
            await self._advance(place, Place(start), {})
            return True
        batch = await events.read_behind(self._reads, start)
        has_more = bool(batch.events) and await self._queue_page(place, batch.events)
        return has_more or batch.is_full or batch.is_unsettled

    async def _queue_page(self, place: Place, batch: Sequence[PublishedEvent]) -> bool:
        """Queue one page: several events, or the first event for a page of its webhooks."""
        first = batch[0]
        page = place.page_of(first.position)
        types = {published.event.type for published in ([first] if page else batch)}
        subscribers = await webhooks.list_subscribers(
            self._reads, types, after=page, limit=self._page
        )
        is_last = len(subscribers) < self._page
        is_whole = is_last and page is None
        taken = batch[: self._page // max(len(subscribers), 1)] if is_whole else [first]
        end = Place(taken[-1].position)
        if not is_last:
            end = Place(place.position, first.position.id, subscribers[-1]["id"])
        await self._advance(place, end, events_by_webhook(subscribers, taken))
        return not is_last or len(taken) < len(batch)

    async def _advance(
        self, stopped: Place, to: Place, due: dict[uuid.UUID, list[PublishedEvent]]
    ) -> None:
        async with self._units_of_work.begin() as uow:
            is_first = await event_readers.advance(uow, webhooks.READER, stopped, to)
            if is_first and due:
                await webhook_backlogs.queue(uow, due, self._limits, behind=stopped.position)

    async def catch_up(self) -> bool:
        """Queue a part of one backlog; return whether there was one whose queue had room."""
        for webhook in await webhook_backlogs.candidates(self._reads, BACKLOGS_TRIED):
            if room := await webhook_backlogs.room(self._reads, webhook, self._limits):
                await self._queue_backlog(webhook, min(room, self._page))
                return True
        return False

    async def _queue_backlog(self, webhook: Row, room: int) -> None:
        behind = Position(webhook["backlog_transaction_id"], webhook["backlog_event_id"])
        async with self._units_of_work.begin() as uow:
            reader = await event_readers.lock(uow, webhooks.READER)
            if not await webhook_backlogs.lock_backlog(uow, webhook["id"], behind):
                return
            # Read after the lock: until the commit, the dispatcher cannot skip events unread here.
            batch = await events.read_behind(self._reads, behind)
            known = [
                published for published in batch.events if published.position <= reader.position
            ]
            taken = limit_to_room(webhook, known, room)
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
    subscribers: Sequence[Row], batch: Sequence[PublishedEvent]
) -> dict[uuid.UUID, list[PublishedEvent]]:
    """Return the events for each webhook that receives any."""
    due = {row["id"]: [each for each in batch if receives(row, each)] for row in subscribers}
    return {webhook_id: events for webhook_id, events in due.items() if events}


def limit_to_room(
    webhook: Row, batch: Sequence[PublishedEvent], room: int
) -> Sequence[PublishedEvent]:
    """Return the longest prefix of the batch with at most `room` events for the webhook."""
    numbers = [number for number, each in enumerate(batch) if receives(webhook, each)]
    return batch if len(numbers) <= room else batch[: numbers[room]]


def receives(subscriber: Row, published: PublishedEvent) -> bool:
    """Return whether the webhook subscribes to the event and its owner may read it."""
    owner = Principal.granted(
        subscriber["owner_id"],
        subscriber["role"],
        frozenset(subscriber["scopes"]),
        email_verified=True,  # The query selects verified owners only.
    )
    return published.event.type in subscriber["events"] and published.is_for(owner)
