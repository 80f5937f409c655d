"""Events, as they happen: one reader for each process, however many follow.

The rows are the truth, and every notification only a reason to look at once. See
docs/adr/0011-events-are-rows-read-in-order.md.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from app.db.executor import ReadPool
from app.features.events.crud import events
from app.features.events.models.event import Position
from app.features.events.schemas import Told
from app.runtime.background import BackgroundLoop

# Looks by itself now and then, in case a notification was lost.
LOOK_SECONDS = 1.0
# However much is written: what happens within this time is read at once.
PACE_SECONDS = 0.02
# A follower that lets more than this wait is cut off, and resumes when it comes back.
MAX_WAITING = 1000
ANNOUNCE_EVERY_SECONDS = 0.05
# A page costs about 50 ms of the event loop until it is sent. Replays read pages one at a time,
# so that however many clients resume, they take a third of the loop's time.
REPLAY_PAUSE_SECONDS = 0.15


class Subscription:
    """Somebody who follows. `ended` says why nothing more will come."""

    def __init__(self, feed: "EventFeed") -> None:
        self._feed = feed
        self._seen = Position(0, 0)
        self._waiting: deque[Told] = deque()
        self._news = asyncio.Event()
        self.ended = ""

    async def events(self, after: Position) -> AsyncIterator[Told]:
        """Everything behind the position, each event once, until the subscription ends."""
        async for told in self._catch_up(after):
            yield told
        while (told_next := await self._next()) is not None:
            yield told_next

    async def _catch_up(self, after: Position) -> AsyncIterator[Told]:
        """From the rows, until what comes next comes from the feed."""
        while not self.ended:
            head = self._feed.position or after
            batch = await self._feed.replay(after)
            for told in batch.events:
                yield told
                after = told.position
            # Our view of the rows is newer than that of the feed when it had come to `head`.
            after = after if batch.is_full else max(after, head)
            if not batch.is_full and self._feed.admit(self, after):
                return

    def start(self, after: Position) -> None:
        self._seen = after

    def offer(self, told: Told) -> None:
        if told.position <= self._seen:
            return
        self._seen = told.position
        self._waiting.append(told)
        self._news.set()
        if len(self._waiting) > self._feed.max_waiting:
            self.end("too slow")

    def end(self, reason: str) -> None:
        self.ended = self.ended or reason
        self._news.set()

    async def _next(self) -> Told | None:
        while not self.ended and not self._waiting:
            self._news.clear()
            await self._news.wait()
        return None if self.ended else self._waiting.popleft()


class EventFeed(BackgroundLoop):
    """Reads while somebody follows, and gives each what it has read."""

    name = "events"

    def __init__(self, reads: ReadPool) -> None:
        super().__init__()
        self._reads = reads
        self._subscriptions: set[Subscription] = set()
        self._admitted: set[Subscription] = set()
        self._news = asyncio.Event()
        self._is_draining = False
        self._replays = asyncio.Semaphore(1)
        self.position: Position | None = None
        self.look_seconds = LOOK_SECONDS
        self.max_waiting = MAX_WAITING

    @property
    def subscribers(self) -> int:
        """Number of open subscriptions."""
        return len(self._subscriptions)

    @contextmanager
    def subscription(self) -> Iterator[Subscription]:
        """A subscription that lasts as long as the block, or until the service stops."""
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
        """Serve it from now on, unless the feed has gone beyond what it has seen."""
        if self.position is not None and self.position > after:
            return False
        subscription.start(after)
        self._admitted.add(subscription)
        self.position = self.position or after
        self.wake()
        return True

    def wake(self, _: str = "") -> None:
        if self._admitted:
            self._news.set()

    def drain(self) -> None:
        """End every subscription, and those that would begin."""
        self._is_draining = True
        for subscription in self._subscriptions:
            subscription.end("shutting down")

    async def read(self, after: Position) -> events.Batch:
        return await events.read_behind(self._reads, after)

    async def replay(self, after: Position) -> events.Batch:
        """Read one page for a client that resumes; the next page is read after a pause."""
        async with self._replays:
            batch = await self.read(after)
            if batch.is_full:
                await asyncio.sleep(REPLAY_PAUSE_SECONDS)
            return batch

    async def backlog(self, after: Position, *, most: int) -> int:
        """Count the events behind the position, up to `most`."""
        return await events.backlog(self._reads, after, most=most)

    async def present(self) -> Position:
        return await events.present(self._reads)

    async def work(self) -> None:
        self._news.clear()
        if self.position is not None and await self._advance(self.position):
            self._news.set()

    async def pause(self) -> None:
        await asyncio.sleep(PACE_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(self.look_seconds):
                await self._news.wait()

    async def _advance(self, position: Position) -> bool:
        """Read on from the position; say whether to look again at once."""
        batch = await self.read(position)
        if self.position != position:
            return True  # The last one left meanwhile, and another came.
        for told in batch.events:
            self.position = told.position
            for subscription in self._admitted:
                subscription.offer(told)
        return batch.is_full or batch.is_unsettled


class Announcer(BackgroundLoop):
    """Tells the other processes to look, soon after each commit and not for each one.

    Not in the transaction itself: PostgreSQL lets those that notify commit only one after
    another.
    """

    name = "event announcer"

    def __init__(self, announce: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._announce = announce
        self._news = asyncio.Event()

    def note(self) -> None:
        """Something was committed."""
        self._news.set()

    async def work(self) -> None:
        await self._news.wait()
        self._news.clear()
        await self._announce()

    async def pause(self) -> None:
        await asyncio.sleep(ANNOUNCE_EVERY_SECONDS)
