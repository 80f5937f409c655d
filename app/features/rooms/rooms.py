"""Rooms: what is said in one reaches everybody in it, in every process, in one order.

A message is a row, and the news of it the name of its room; each process then reads what
its members there have not seen. See docs/adr/0014-rooms-on-rows-and-leases.md.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.db.executor import ReadPool
from app.features.rooms import crud as room_messages
from app.features.rooms.crud import Entrance
from app.features.rooms.schemas import RoomMessageRead
from app.features.streams.leases import SocketLeases
from app.http.schemas import Out
from app.runtime.background import BackgroundLoop
from app.security.principals import Principal

# What may wait for one reader beyond the buffers of the connection.
MAX_WAITING_CHARACTERS = 1024 * 1024
# Looks by itself now and then, in case a notification was lost.
LOOK_SECONDS = 2.0


class Member:
    """One socket in a room. Whoever reads too slowly is put out; nobody waits for it."""

    def __init__(self, room: str, entrance: Entrance, *, max_characters: int) -> None:
        self.room = room
        self.person = entrance.person
        self.seen = entrance.number
        self.put_out = asyncio.Event()
        self._waiting: deque[str] = deque()
        self._characters = 0
        self._max_characters = max_characters
        self._news = asyncio.Event()

    def hear(self, number: int, envelope: str) -> None:
        if number > self.seen:
            self.seen = number
            self.receive(envelope)

    def receive(self, envelope: str) -> None:
        self._characters += len(envelope)
        if self._characters > self._max_characters:
            self.put_out.set()
            return
        self._waiting.append(envelope)
        self._news.set()

    def tell(self, envelope: Out) -> None:
        """Say something to this member alone."""
        self.receive(envelope.model_dump_json())

    async def next(self) -> str:
        """What to send next, as soon as there is something."""
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        envelope = self._waiting.popleft()
        self._characters -= len(envelope)
        return envelope


class Rooms(BackgroundLoop):
    name = "rooms"

    def __init__(self, reads: ReadPool, leases: SocketLeases) -> None:
        super().__init__()
        self._reads = reads
        self._leases = leases
        self._members: dict[str, set[Member]] = {}
        self._changed: set[str] = set()
        self._news = asyncio.Event()
        self.max_waiting_characters = MAX_WAITING_CHARACTERS

    @property
    def is_empty(self) -> bool:
        """Return whether no socket of this process is in any room."""
        return not self._members

    @asynccontextmanager
    async def joined(self, room: str, principal: Principal) -> AsyncIterator[Member]:
        """Be in the room for as long as the block lasts; who is there is told first.

        Raises:
            TooManySockets: the user has enough of them.
        """
        async with self._leases.held(principal.id, room) as entrance:
            member = Member(room, entrance, max_characters=self.max_waiting_characters)
            member.tell(await room_messages.presence(self._reads, room))
            self._members.setdefault(room, set()).add(member)
            # Something may have been said between the entrance and this line.
            self.wake(room)
            try:
                yield member
            finally:
                self._remove(member)

    async def say(self, member: Member, text: str) -> None:
        """Say it to everybody in the room, the speaker included."""
        message = RoomMessageRead(room=member.room, user=member.person, text=text)
        async with self._leases.turn() as session:
            await room_messages.lock(session, member.room)
            await room_messages.append(session, message)

    def wake(self, room: str) -> None:
        """There is news in the room."""
        if room in self._members:
            self._changed.add(room)
            self._news.set()

    def wake_all(self) -> None:
        """There may be news anywhere."""
        for room in self._members:
            self.wake(room)

    async def pause(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._news.wait()
        except TimeoutError:
            self.wake_all()

    async def work(self) -> None:
        self._news.clear()
        changed = {room for room in self._changed if room in self._members}
        self._changed.clear()
        if not changed:
            return
        await self._deliver(changed)

    async def _deliver(self, rooms: set[str]) -> None:
        """Where it fails the next look, in which all rooms have changed, makes up for it."""
        seen = {room: min(member.seen for member in self._members[room]) for room in rooms}
        rows = await room_messages.find_after(self._reads, seen)
        for row in rows:
            for member in self._members.get(row["room"], ()):
                member.hear(row["number"], row["envelope"])
        if len(rows) == room_messages.AT_ONCE:
            for room in rooms:
                self.wake(room)

    def _remove(self, member: Member) -> None:
        members = self._members[member.room]
        members.discard(member)
        if not members:
            del self._members[member.room]
