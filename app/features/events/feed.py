"""Event feed: one reader of the events table for each process and all its subscriptions.

The rows are authoritative; a notification only makes the feed read at once. See
docs/adr/0011-events-are-rows-read-in-order.md.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from app.db.executor import PoolReader
from app.features.events.crud import events
from app.features.events.models.event import Position
from app.features.events.schemas import PublishedEvent
from app.runtime.background import BackgroundLoop

# Polls also without a notification, which may be lost.
POLL_SECONDS = 1.0
# Minimum time between reads: the events of this interval are read together.
PACE_SECONDS = 0.02
# A subscription with more waiting events ends; the client resumes when it reconnects.
MAX_WAITING = 1000
PUBLISH_EVERY_SECONDS = 0.05
# A page costs about 50 ms of the event loop until it is sent. Replays read pages one at a time,
# so that any number of resuming clients takes a third of the loop's time.
REPLAY_PAUSE_SECONDS = 0.15


class Subscription:
    """Subscription of one client to the feed. `ended` is the reason once it has ended."""

    def __init__(self, feed: "EventFeed") -> None:
        self._feed = feed
        self._seen = Position(0, 0)
        self._waiting: deque[PublishedEvent] = deque()
        self._notified = asyncio.Event()
        self.ended = ""

    async def events(self, after: Position) -> AsyncIterator[PublishedEvent]:
        """Yield all events behind the position, each once, until the subscription ends."""
        async for replayed in self._catch_up(after):
            yield replayed
        while (published := await self._next()) is not None:
            yield published

    async def _catch_up(self, after: Position) -> AsyncIterator[PublishedEvent]:
        """Yield events from the rows until the feed delivers the next one."""
        while not self.ended:
            head = self._feed.position or after
            batch = await self._feed.replay(after)
            for published in batch.events:
                yield published
                after = published.position
            # This read is newer than the one in which the feed reached `head`.
            after = after if batch.is_full else max(after, head)
            if not batch.is_full and self._feed.admit(self, after):
                return

    def start(self, after: Position) -> None:
        self._seen = after

    def offer(self, published: PublishedEvent) -> None:
        if published.position <= self._seen:
            return
        self._seen = published.position
        self._waiting.append(published)
        self._notified.set()
        if len(self._waiting) > self._feed.max_waiting:
            self.end("too slow")

    def end(self, reason: str) -> None:
        self.ended = self.ended or reason
        self._notified.set()

    async def _next(self) -> PublishedEvent | None:
        while not self.ended and not self._waiting:
            self._notified.clear()
            await self._notified.wait()
        return None if self.ended else self._waiting.popleft()


class EventFeed(BackgroundLoop):
    """Reads events while there are subscriptions, and offers them to each."""

    name = "events"

    def __init__(self, reads: PoolReader) -> None:
        super().__init__()
        self._reads = reads
        self._subscriptions: set[Subscription] = set()
        self._admitted: set[Subscription] = set()
        self._notified = asyncio.Event()
        self._is_draining = False
        self._replays = asyncio.Semaphore(1)
        self.position: Position | None = None
        self.poll_seconds = POLL_SECONDS
        self.max_waiting = MAX_WAITING

    @property
    def subscribers(self) -> int:
        """Number of open subscriptions."""
        return len(self._subscriptions)

    @contextmanager
    def subscription(self) -> Iterator[Subscription]:
        """Open a subscription for the duration of the block, or until the service stops."""
        subscription = Subscription(self)
        self._subscriptions.add(subscription)
        if self._is_draining:
            subscription.end("shutting down")
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            self._admitted.discard(subscription)
            if not self._admitted:
                self.position = None

    def admit(self, subscription: Subscription, after: Position) -> bool:
        """Serve the subscription from now on; False if the feed is already beyond `after`."""
        if self.position is not None and self.position > after:
            return False
        subscription.start(after)
        self._admitted.add(subscription)
        self.position = self.position or after
        self.notify()
        return True

    def notify(self, _: str = "") -> None:
        """Read soon, if there are subscriptions."""
        if self._admitted:
            self._notified.set()

    def drain(self) -> None:
        """End all subscriptions, and new ones at once."""
        self._is_draining = True
        for subscription in self._subscriptions:
            subscription.end("shutting down")

    async def read(self, after: Position) -> events.Batch:
        return await events.read_behind(self._reads, after)

    async def replay(self, after: Position) -> events.Batch:
        """Read one page for a resuming client; the next page is read after a pause."""
        async with self._replays:
            batch = await self.read(after)
            if batch.is_full:
                await asyncio.sleep(REPLAY_PAUSE_SECONDS)
            return batch

    async def backlog(self, after: Position, *, limit: int) -> int:
        """Count the events behind the position, up to `limit`."""
        return await events.backlog(self._reads, after, limit=limit)

    async def end_position(self) -> Position:
        return await events.end_position(self._reads)

    async def work(self) -> None:
        self._notified.clear()
        if self.position is not None and await self._advance(self.position):
            self._notified.set()

    async def pause(self) -> None:
        await asyncio.sleep(PACE_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(self.poll_seconds):
                await self._notified.wait()

    async def _advance(self, position: Position) -> bool:
        """Read on from the position; return whether to read again at once."""
        batch = await self.read(position)
        if self.position != position:
            return True  # The last subscription ended during the read, and another began.
        for published in batch.events:
            self.position = published.position
            for subscription in self._admitted:
                subscription.offer(published)
        return batch.is_full or batch.is_unsettled


class EventPublisher(BackgroundLoop):
    """Notifies the other processes soon after a commit, once for many commits.

    Not in the transaction itself: PostgreSQL serializes the commits of transactions that notify.
    """

    name = "event publisher"

    def __init__(self, publish: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._publish = publish
        self._notified = asyncio.Event()

    def notify(self) -> None:
        """Publish soon, because a transaction was committed."""
        self._notified.set()

    async def work(self) -> None:
        await self._notified.wait()
        self._notified.clear()
        await self._publish()

    async def pause(self) -> None:
        await asyncio.sleep(PUBLISH_EVERY_SECONDS)
