"""From the events to the deliveries: each event once for each webhook that hears it.

See docs/adr/0019-webhooks-have-a-queue-of-their-own.md.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from app.core.background import BackgroundLoop
from app.core.identity import Principal
from app.crud import event_readers, events, webhook_deliveries, webhooks
from app.db.reads import ReadPool, Row
from app.db.session import Sessionmaker, transaction
from app.models.event import Position
from app.schemas.event import Told

LOOK_SECONDS = 1.0
# However much is written: what happens within this time is read at once.
PACE_SECONDS = 0.05


class WebhookDispatcher(BackgroundLoop):
    """One works in each worker; of several that read the same, the first to move on counts."""

    name = "webhook dispatcher"

    def __init__(self, reads: ReadPool, sessions: Sessionmaker) -> None:
        super().__init__()
        self._reads = reads
        self._sessions = sessions
        self._news = asyncio.Event()

    def wake(self, _: str = "") -> None:
        """There may be events."""
        self._news.set()

    async def work(self) -> None:
        self._news.clear()
        if await self.dispatch():
            self._news.set()

    async def pause(self) -> None:
        await asyncio.sleep(PACE_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._news.wait()

    async def dispatch(self) -> bool:
        """Write the deliveries for what has happened; say whether to look again at once."""
        place = await event_readers.find_position(self._reads, webhooks.READER)
        if place is None:
            return False
        stopped, start = place
        if start != stopped:
            return await self._move_on(stopped, start, [])
        batch = await events.read_behind(self._reads, start)
        if batch.events:
            rows = await self._deliveries(batch.events)
            await self._move_on(stopped, batch.events[-1].position, rows)
        return batch.is_full or batch.is_unsettled

    async def _move_on(self, stopped: Position, to: Position, rows: Sequence[Row]) -> bool:
        async with transaction(self._sessions) as session:
            is_first = await event_readers.advance(session, webhooks.READER, stopped, to)
            if is_first and rows:
                await webhook_deliveries.create_all(session, rows)
        return True

    async def _deliveries(self, batch: Sequence[Told]) -> list[Row]:
        types = {told.event.type for told in batch}
        listeners = await webhooks.listeners(self._reads, types)
        return [
            {"webhook_id": row["id"], "event_type": told.event.type, "payload": told.json}
            for told in batch
            for row in listeners
            if hears(row, told)
        ]


def hears(listener: Row, told: Told) -> bool:
    """Whether the webhook asked for the event, and its owner may know of it."""
    owner = Principal.granted(
        listener["owner_id"],
        listener["role"],
        frozenset(listener["scopes"]),
        email_verified=True,  # Others have no listeners.
    )
    return told.event.type in listener["events"] and told.is_for(owner)
