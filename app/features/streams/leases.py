"""Leases of the open WebSockets and event streams of this process, visible to all processes.

A user's sockets are counted over all processes; other processes remove those of a killed one
within seconds.
"""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from app.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from app.errors import AppError, Overloaded
from app.features.streams.crud import sockets
from app.features.streams.models.socket import Socket, StreamKind
from app.features.streams.settings import StreamSettings
from app.features.streams.topics import NO_TOPICS
from app.observability.logging import get_logger
from app.runtime.background import BackgroundLoop
from app.runtime.ids import uuid7

RENEW_SECONDS = 3.0
NO_LIMIT = 2**31
# Many clients reconnecting at once must leave database connections for other requests.
MAX_TRANSACTIONS = 4

log = get_logger("sockets")


@dataclass(slots=True)
class Lease:
    user_id: uuid.UUID
    kind: StreamKind
    topic: str | None
    is_entered: bool = False


class SocketLeases(BackgroundLoop):
    name = "socket leases"

    def __init__(self, units_of_work: UnitOfWorkFactory, settings: StreamSettings) -> None:
        super().__init__()
        self.worker_id = uuid7()
        self.topics = NO_TOPICS  # A feature may replace it in its lifespan.
        self._units_of_work = units_of_work
        self._per_process = settings.streams_per_process
        self._per_user = {
            StreamKind.WEBSOCKET: settings.sockets_per_user,
            StreamKind.EVENTS: settings.event_streams_per_user,
        }
        self._slots = asyncio.Semaphore(MAX_TRANSACTIONS)
        self._held: dict[uuid.UUID, Lease] = {}
        self._by_user: Counter[tuple[uuid.UUID, StreamKind]] = Counter()

    @property
    def count(self) -> int:
        """Number of leases that this process holds."""
        return len(self._held)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[UnitOfWork]:
        """Open a transaction about sockets or topics, at most `MAX_TRANSACTIONS` at once."""
        async with self._slots, self._units_of_work.begin() as uow:
            yield uow

    @asynccontextmanager
    async def held(
        self,
        user_id: uuid.UUID,
        topic: str | None = None,
        *,
        kind: StreamKind = StreamKind.WEBSOCKET,
    ) -> AsyncIterator[Any]:
        """Hold a lease for the duration of the block.

        Yields the result of the topic handler, or None without a topic.

        Raises:
            TooManySockets, TooManyStreams: the user has as many of this kind as allowed.
            Overloaded: the process has as many streams as it can serve.
        """
        self._check(user_id, kind)
        socket_id = uuid7()
        self._held[socket_id] = lease = Lease(user_id, kind, topic)
        self._by_user[user_id, kind] += 1
        try:
            async with self.transaction() as uow:
                row = self._row(socket_id, lease)
                limit = self._per_user[kind]
                entered = await sockets.enter(uow, row, self.topics, limit=limit)
            lease.is_entered = True
            yield entered
        finally:
            if lease.is_entered:
                lease.is_entered = False
                await self._leave(socket_id, topic)
            del self._held[socket_id]
            self._by_user[user_id, kind] -= 1
            if not self._by_user[user_id, kind]:
                del self._by_user[user_id, kind]

    def _check(self, user_id: uuid.UUID, kind: StreamKind) -> None:
        """Reject a stream that exceeds a limit in this process, before a transaction begins."""
        if len(self._held) >= self._per_process:
            raise Overloaded(
                "This process serves the maximum number of streams.", retry_after_seconds=5
            )
        if self._by_user[user_id, kind] >= self._per_user[kind]:
            raise sockets.too_many(kind, limit=self._per_user[kind])

    async def pause(self) -> None:
        await asyncio.sleep(RENEW_SECONDS)

    async def work(self) -> None:
        if not self._held:
            return
        await self._renew()
        async with self.transaction() as uow:
            expired = await sockets.find_expired(uow)
        for socket_id, topic in expired:
            async with self.transaction() as uow:
                await sockets.expire(uow, socket_id, topic, self.topics)

    async def _renew(self) -> None:
        entered = {socket_id for socket_id, lease in self._held.items() if lease.is_entered}
        async with self.transaction() as uow:
            renewed = await sockets.renew(uow, self.worker_id)
        # Another process removed them, because the machine or the database was stalled.
        lost = entered - renewed.keys()
        for socket_id, lease in [item for item in self._held.items() if item[0] in lost]:
            if lease.is_entered:
                async with self.transaction() as uow:
                    row = self._row(socket_id, lease)
                    await sockets.enter(uow, row, self.topics, limit=NO_LIMIT)
        # Their task was cancelled during the commit.
        for socket_id in renewed.keys() - self._held.keys():
            await self._leave(socket_id, renewed[socket_id])

    async def _leave(self, socket_id: uuid.UUID, topic: str | None) -> None:
        try:
            async with self.transaction() as uow:
                await sockets.leave(uow, socket_id, topic, self.topics)
        except AppError as error:
            log.warning("lease not released", reason=error.code)

    def _row(self, socket_id: uuid.UUID, lease: Lease) -> Socket:
        return Socket(
            id=socket_id,
            user_id=lease.user_id,
            kind=lease.kind,
            topic=lease.topic,
            worker_id=self.worker_id,
        )
