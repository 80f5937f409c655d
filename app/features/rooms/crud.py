"""The room_messages table: what was said, in the order in which it was committed. Never commits."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import (
    ARRAY,
    BigInteger,
    String,
    bindparam,
    column,
    delete,
    func,
    literal_column,
    select,
)

from app.db.executor import Query, ReadPool, Row
from app.db.session import AsyncSession, notify
from app.features.rooms.models import KEPT, RoomMessage
from app.features.rooms.schemas import (
    MAX_PRESENT,
    Person,
    RoomEvent,
    RoomJoin,
    RoomLeave,
    RoomPresence,
)
from app.features.streams.crud.sockets import IS_LEASED
from app.features.streams.models.socket import Socket
from app.features.users.models.user import User
from app.runtime.clock import now

# Every process listens here and fetches what is new in the room it names, if it has readers
# there: the message itself may be longer than the 8,000 bytes of a notification.
CHANNEL = "rooms"
LOCKS = 7_246_394
AT_ONCE = 100

SINCE = (
    func.unnest(
        bindparam("rooms", type_=ARRAY(String())), bindparam("numbers", type_=ARRAY(BigInteger()))
    )
    .table_valued(column("room", String), column("number", BigInteger), name="since")
    .render_derived()
)
AFTER = Query(
    select(RoomMessage.room, RoomMessage.number, RoomMessage.envelope)
    .join(SINCE, SINCE.c.room == RoomMessage.room)
    .where(RoomMessage.number > SINCE.c.number)
    .order_by(RoomMessage.number)
    .limit(literal_column(str(AT_ONCE)))
)

PRESENT = Query(
    select(User.id, User.username, func.count().over().label("count"))
    .join(Socket, Socket.user_id == User.id)
    .where(Socket.topic == bindparam("room"), IS_LEASED)
    .group_by(User.id)
    .order_by(User.username_canonical)
    .limit(literal_column(str(MAX_PRESENT)))
)


@dataclass(frozen=True, slots=True)
class Entrance:
    """Whose socket it is, and the number of the last message that was not meant for it."""

    person: Person
    number: int


async def lock(session: AsyncSession, room: str) -> None:
    """Keep others from changing the room until the transaction ends.

    So that messages are numbered in the order of their commits, and a reader who has seen
    one number has seen all below it.
    """
    await session.execute(select(func.pg_advisory_xact_lock(LOCKS, func.hashtext(room))))


async def enter(session: AsyncSession, room: str, user_id: uuid.UUID, is_first: bool) -> Entrance:
    """Append the join if the socket is the user's first one in the room."""
    newest = select(func.max(RoomMessage.number)).where(RoomMessage.room == room)
    found = await session.execute(
        select(User.username, func.coalesce(newest.scalar_subquery(), 0)).where(User.id == user_id)
    )
    username, number = found.one()
    person = Person(id=user_id, username=username)
    if is_first:
        number = await append(session, RoomJoin(room=room, user=person))
    return Entrance(person, number)


async def leave(session: AsyncSession, room: str, user_id: uuid.UUID) -> None:
    """Append the leave of a user whose last socket in the room is gone."""
    username = await session.scalar(select(User.username).where(User.id == user_id))
    if username is not None:
        await append(session, RoomLeave(room=room, user=Person(id=user_id, username=username)))


async def presence(reads: ReadPool, room: str) -> RoomPresence:
    """Return the users in the room, by name."""
    rows = await reads.all(PRESENT, room=room)
    users = [Person(id=row["id"], username=row["username"]) for row in rows]
    return RoomPresence(room=room, users=users, count=rows[0]["count"] if rows else 0)


async def append(session: AsyncSession, event: RoomEvent) -> int:
    """Say it in the room, which the caller has locked; return the number of the message."""
    message = RoomMessage(id=event.id, room=event.room, envelope=event.model_dump_json())
    session.add(message)
    await session.flush()
    await notify(session, CHANNEL, event.room)
    return message.number


async def find_after(reads: ReadPool, seen: Mapping[str, int]) -> list[Row]:
    """Return `room`, `number` and `envelope` of the next messages behind those seen, in order."""
    return await reads.all(AFTER, rooms=list(seen), numbers=list(seen.values()))


async def delete_old(session: AsyncSession) -> None:
    await session.execute(delete(RoomMessage).where(RoomMessage.created_at < now() - KEPT))
