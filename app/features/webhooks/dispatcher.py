"""Dispatcher of webhook events: queues each event once for each webhook that receives it.

Works in pages, so that no transaction grows with the number of webhooks. See
docs/adr/0019-webhooks-have-a-queue-of-their-own.md and docs/adr/0029.
"""

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import suppress

from app.db.executor import ReadPool, Row
from app.db.session import Sessionmaker, transaction
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

LOOK_SECONDS = 1.0
# However much is written: what happens within this time is read at once.
PACE_SECONDS = 0.05
# At most so many deliveries are written in one transaction.
PAGE = 1000
BACKLOGS_TRIED = 10


class WebhookDispatcher(BackgroundLoop):
    """One works in each worker; of several that read the same, the first to move on counts."""

    name = "webhook dispatcher"

    def __init__(
        self, reads: ReadPool, sessions: Sessionmaker, limits: QueueLimits, *, page: int = PAGE
    ) -> None:
        super().__init__()
        self._reads = reads
        self._sessions = sessions
        self._limits = limits
        self._page = page
        self._news = asyncio.Event()

    def wake(self, _: str = "") -> None:
        """There may be events."""
        self._news.set()

    async def work(self) -> None:
        self._news.clear()
        # Both: neither new events nor backlogs may keep the other waiting.
        again = [await self.dispatch(), await self.catch_up()]
        if any(again):
            self._news.set()

    async def pause(self) -> None:
        await asyncio.sleep(PACE_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._news.wait()

    async def dispatch(self) -> bool:
        """Queue deliveries for one page of events; return whether there may be more."""
        found = await event_readers.find_place(self._reads, webhooks.READER)
        if found is None:
            return False
        place, start = found
        if start != place.position:
            await self._move_on(place, Place(start), {})
            return True
        batch = await events.read_behind(self._reads, start)
        has_more = bool(batch.events) and await self._queue_page(place, batch.events)
        return has_more or batch.is_full or batch.is_unsettled

    async def _queue_page(self, place: Place, batch: Sequence[PublishedEvent]) -> bool:
        """Queue as many events as make one page, or of the first one a page of its webhooks."""
        first = batch[0]
        page = place.page_of(first.position)
        types = {published.event.type for published in ([first] if page else batch)}
        listeners = await webhooks.listeners(self._reads, types, after=page, limit=self._page)
        is_last = len(listeners) < self._page
        is_whole = is_last and page is None
        taken = batch[: self._page // max(len(listeners), 1)] if is_whole else [first]
        end = Place(taken[-1].position)
        if not is_last:
            end = Place(place.position, first.position.id, listeners[-1]["id"])
        await self._move_on(place, end, receiving(listeners, taken))
        return not is_last or len(taken) < len(batch)

    async def _move_on(
        self, stopped: Place, to: Place, due: dict[uuid.UUID, list[PublishedEvent]]
    ) -> None:
        async with transaction(self._sessions) as session:
            is_first = await event_readers.advance(session, webhooks.READER, stopped, to)
            if is_first and due:
                await webhook_backlogs.queue(session, due, self._limits, behind=stopped.position)

    async def catch_up(self) -> bool:
        """Queue a part of one backlog; return whether there was one with room for it."""
        for webhook in await webhook_backlogs.candidates(self._reads, BACKLOGS_TRIED):
            if room := await webhook_backlogs.room(self._reads, webhook, self._limits):
                await self._queue_backlog(webhook, min(room, self._page))
                return True
        return False

    async def _queue_backlog(self, webhook: Row, room: int) -> None:
        behind = Position(webhook["backlog_transaction_id"], webhook["backlog_event_id"])
        async with transaction(self._sessions) as session:
            reader = await event_readers.lock(session, webhooks.READER)
            if not await webhook_backlogs.lock_backlog(session, webhook["id"], behind):
                return
            # After the lock: until the commit no event is passed over that was not read here.
            batch = await events.read_behind(self._reads, behind)
            known = [
                published for published in batch.events if published.position <= reader.position
            ]
            taken = first_received(webhook, known, room)
            due = receiving([webhook], taken)
            await webhook_backlogs.insert_all(session, due)
            is_level = len(taken) == len(known) and not (batch.is_full and known == batch.events)
            # Of an event that is being paged, this webhook may have been passed over.
            if is_level and reader.paged_event_id is None:
                await webhook_backlogs.end(session, webhook["id"])
            elif taken:
                await webhook_backlogs.advance(session, webhook["id"], taken[-1])


def receiving(
    listeners: Sequence[Row], batch: Sequence[PublishedEvent]
) -> dict[uuid.UUID, list[PublishedEvent]]:
    """Return the events that each webhook receives."""
    return {
        row["id"]: events for row in listeners if (events := [t for t in batch if receives(row, t)])
    }


def first_received(
    webhook: Row, batch: Sequence[PublishedEvent], room: int
) -> Sequence[PublishedEvent]:
    """Return the longest prefix of the batch with at most `room` events for the webhook."""
    numbers = [number for number, published in enumerate(batch) if receives(webhook, published)]
    return batch if len(numbers) <= room else batch[: numbers[room]]


def receives(listener: Row, published: PublishedEvent) -> bool:
    """Return whether the webhook subscribes to the event, and its owner may receive it."""
    owner = Principal.granted(
        listener["owner_id"],
        listener["role"],
        frozenset(listener["scopes"]),
        email_verified=True,  # Others have no listeners.
    )
    return published.event.type in listener["events"] and published.is_for(owner)
