"""The room_messages table: messages in the order of their commits. Flushes; never commits."""

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

from app.db.executor import CompiledStatement, PoolReader, Row
from app.db.unit_of_work import UnitOfWork
from app.features.rooms.models import RETENTION, RoomMessage
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

# The payload is the name of the room; processes with participants there read its new messages:
# a message may be longer than the 8,000 bytes of a notification.
CHANNEL = "rooms"
LOCKS = 7_246_394
BATCH = 100

SINCE = (
    func.unnest(
        bindparam("rooms", type_=ARRAY(String())), bindparam("numbers", type_=ARRAY(BigInteger()))
    )
    .table_valued(column("room", String), column("number", BigInteger), name="since")
    .render_derived()
)
AFTER = CompiledStatement(
    select(RoomMessage.room, RoomMessage.number, RoomMessage.envelope)
    .join(SINCE, SINCE.c.room == RoomMessage.room)
    .where(RoomMessage.number > SINCE.c.number)
    .order_by(RoomMessage.number)
    .limit(literal_column(str(BATCH)))
)

PRESENT = CompiledStatement(
    select(User.id, User.username, func.count().over().label("count"))
    .join(Socket, Socket.user_id == User.id)
    .where(Socket.topic == bindparam("room"), IS_LEASED)
    .group_by(User.id)
    .order_by(User.username_canonical)
    .limit(literal_column(str(MAX_PRESENT)))
)


@dataclass(frozen=True, slots=True)
class JoinResult:
    """The user of the socket, and the number of the last message that it does not receive."""

    user: Person
    number: int


async def lock(uow: UnitOfWork, room: str) -> None:
    """Lock the room against other transactions until this one ends.

    Messages are then numbered in the order of their commits: a reader that has received one
    number has received all below it.
    """
    await uow.session.execute(select(func.pg_advisory_xact_lock(LOCKS, func.hashtext(room))))


async def enter(uow: UnitOfWork, room: str, user_id: uuid.UUID, is_first: bool) -> JoinResult:
    """Append the join if the socket is the user's first one in the room."""
    newest = select(func.max(RoomMessage.number)).where(RoomMessage.room == room)
    found = await uow.session.execute(
        select(User.username, func.coalesce(newest.scalar_subquery(), 0)).where(User.id == user_id)
    )
    username, number = found.one()
    user = Person(id=user_id, username=username)
    if is_first:
        number = await append(uow, RoomJoin(room=room, user=user))
    return JoinResult(user, number)


async def leave(uow: UnitOfWork, room: str, user_id: uuid.UUID) -> None:
    """Append the leave of a user whose last socket in the room has closed."""
    username = await uow.session.scalar(select(User.username).where(User.id == user_id))
    if username is not None:
        await append(uow, RoomLeave(room=room, user=Person(id=user_id, username=username)))


async def presence(reads: PoolReader, room: str) -> RoomPresence:
    """Return the users in the room, by name."""
    rows = await reads.all(PRESENT, room=room)
    users = [Person(id=row["id"], username=row["username"]) for row in rows]
    return RoomPresence(room=room, users=users, count=rows[0]["count"] if rows else 0)


async def append(uow: UnitOfWork, event: RoomEvent) -> int:
    """Append a message to the room, which the caller has locked; return its number."""
    message = RoomMessage(id=event.id, room=event.room, envelope=event.model_dump_json())
    uow.session.add(message)
    await uow.session.flush()
    await uow.notify(CHANNEL, event.room)
    return message.number


async def find_after(reads: PoolReader, seen: Mapping[str, int]) -> list[Row]:
    """Return `room`, `number` and `envelope` of the next messages, in order.

    Args:
        seen: number of the last message received, by room.
    """
    return await reads.all(AFTER, rooms=list(seen), numbers=list(seen.values()))


async def delete_old(uow: UnitOfWork) -> None:
    await uow.session.execute(delete(RoomMessage).where(RoomMessage.created_at < now() - RETENTION))
