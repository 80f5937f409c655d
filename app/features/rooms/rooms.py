"""Chat rooms: each message reaches all participants, in every process, in one order.

A message is a row, and its notification is the name of the room; each process then reads the
messages that its participants have not received. See docs/adr/0014-rooms-on-rows-and-leases.md.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.db.executor import PoolReader
from app.features.rooms import crud as room_messages
from app.features.rooms.crud import JoinResult
from app.features.rooms.schemas import RoomMessageRead
from app.features.streams.leases import SocketLeases
from app.http.schemas import ResponseModel
from app.runtime.background import BackgroundLoop
from app.security.principals import Principal

# Bound of the messages that wait for one participant beyond the buffers of the connection.
MAX_WAITING_CHARACTERS = 1024 * 1024
# Polls also without a notification, which may be lost.
POLL_SECONDS = 2.0


class Participant:
    """One socket in a room; `overflowed` is set when the client reads too slowly."""

    def __init__(self, room: str, join: JoinResult, *, max_characters: int) -> None:
        self.room = room
        self.user = join.user
        self.seen = join.number
        self.overflowed = asyncio.Event()
        self._waiting: deque[str] = deque()
        self._characters = 0
        self._max_characters = max_characters
        self._notified = asyncio.Event()

    def deliver(self, number: int, envelope: str) -> None:
        if number > self.seen:
            self.seen = number
            self.enqueue(envelope)

    def enqueue(self, envelope: str) -> None:
        self._characters += len(envelope)
        if self._characters > self._max_characters:
            self.overflowed.set()
            return
        self._waiting.append(envelope)
        self._notified.set()

    def send(self, envelope: ResponseModel) -> None:
        """Queue an envelope for this participant alone."""
        self.enqueue(envelope.model_dump_json())

    async def next(self) -> str:
        """Wait for the next envelope and return it."""
        while not self._waiting:
            self._notified.clear()
            await self._notified.wait()
        envelope = self._waiting.popleft()
        self._characters -= len(envelope)
        return envelope


class Rooms(BackgroundLoop):
    name = "rooms"

    def __init__(self, reads: PoolReader, leases: SocketLeases) -> None:
        super().__init__()
        self._reads = reads
        self._leases = leases
        self._participants: dict[str, set[Participant]] = {}
        self._changed: set[str] = set()
        self._notified = asyncio.Event()
        self.max_waiting_characters = MAX_WAITING_CHARACTERS

    @property
    def is_empty(self) -> bool:
        """Return whether no socket of this process is in any room."""
        return not self._participants

    @asynccontextmanager
    async def joined(self, room: str, principal: Principal) -> AsyncIterator[Participant]:
        """Join the room for the duration of the block; the presence is queued first.

        Raises:
            TooManySockets: the user has as many WebSockets as allowed.
            Overloaded: the process has as many streams as it can serve.
        """
        async with self._leases.held(principal.id, room) as join:
            participant = Participant(room, join, max_characters=self.max_waiting_characters)
            participant.send(await room_messages.presence(self._reads, room))
            self._participants.setdefault(room, set()).add(participant)
            # Messages may have been committed since the lease was added.
            self.notify(room)
            try:
                yield participant
            finally:
                self._remove(participant)

    async def publish(self, participant: Participant, text: str) -> None:
        """Publish a message to all participants of the room, the author included."""
        message = RoomMessageRead(room=participant.room, user=participant.user, text=text)
        async with self._leases.transaction() as uow:
            await room_messages.lock(uow, participant.room)
            await room_messages.append(uow, message)

    def notify(self, room: str) -> None:
        """Read the new messages of the room soon, if it has participants here."""
        if room in self._participants:
            self._changed.add(room)
            self._notified.set()

    def notify_all(self) -> None:
        """Read the new messages of all rooms soon."""
        for room in self._participants:
            self.notify(room)

    async def pause(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._notified.wait()
        except TimeoutError:
            self.notify_all()

    async def work(self) -> None:
        self._notified.clear()
        changed = {room for room in self._changed if room in self._participants}
        self._changed.clear()
        if not changed:
            return
        await self._deliver(changed)

    async def _deliver(self, rooms: set[str]) -> None:
        """Deliver new messages. After a failure the next poll reads all rooms again."""
        seen = {
            room: min(participant.seen for participant in self._participants[room])
            for room in rooms
        }
        rows = await room_messages.find_after(self._reads, seen)
        for row in rows:
            for participant in self._participants.get(row["room"], ()):
                participant.deliver(row["number"], row["envelope"])
        if len(rows) == room_messages.BATCH:
            for room in rooms:
                self.notify(room)

    def _remove(self, participant: Participant) -> None:
        participants = self._participants[participant.room]
        participants.discard(participant)
        if not participants:
            del self._participants[participant.room]
