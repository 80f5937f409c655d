"""The sockets table: who is connected, and to which room. Flushes; never commits."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    and_,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    update,
)

from app.db.executor import Query, ReadPool
from app.db.session import AsyncSession
from app.features.rooms import crud as room_messages
from app.features.rooms.schemas import MAX_PRESENT, Person, RoomJoin, RoomLeave, RoomPresence
from app.features.streams.models.socket import (
    LEASE,
    Socket,
    StreamKind,
    TooManySockets,
    TooManyStreams,
)
from app.features.users.models.user import User

LOCKS = 7_246_395
TOO_MANY: dict[StreamKind, tuple[type[TooManySockets | TooManyStreams], str]] = {
    StreamKind.WEBSOCKET: (TooManySockets, "WebSockets"),
    StreamKind.EVENTS: (TooManyStreams, "event streams"),
}
IS_LEASED = Socket.lease_ends_at > func.now()

PRESENT = Query(
    select(User.id, User.username, func.count().over().label("count"))
    .join(Socket, Socket.user_id == User.id)
    .where(Socket.room == bindparam("room"), IS_LEASED)
    .group_by(User.id)
    .order_by(User.username_canonical)
    .limit(literal_column(str(MAX_PRESENT)))
)


@dataclass(frozen=True, slots=True)
class Entrance:
    """Whose socket it is, and the number of the last message that was not meant for it."""

    person: Person
    number: int = 0


async def enter(session: AsyncSession, socket: Socket, *, limit: int) -> Entrance:
    """Add the socket; its room hears of a user's first one.

    Raises:
        TooManySockets, TooManyStreams: the user has as many of this kind as the limit allows.
    """
    await session.execute(
        select(func.pg_advisory_xact_lock(LOCKS, func.hashtext(str(socket.user_id))))
    )
    if socket.room:
        await room_messages.lock(session, socket.room)
    person, sockets, sockets_in_room = await count(session, socket)
    if sockets >= limit:
        raise too_many(socket.kind, limit=limit)
    socket.lease_ends_at = func.now() + LEASE
    session.add(socket)
    await session.flush()
    if socket.room is None:
        return Entrance(person)
    if not sockets_in_room:
        await room_messages.append(session, RoomJoin(room=socket.room, user=person))
    return Entrance(person, await room_messages.newest(session, socket.room))


def too_many(kind: StreamKind, *, limit: int) -> TooManySockets | TooManyStreams:
    """The refusal of one stream more of a user who has `limit` of this kind."""
    error, noun = TOO_MANY[kind]
    return error(f"At most {limit} {noun} at once.", retry_after_seconds=int(LEASE.total_seconds()))


async def count(session: AsyncSession, socket: Socket) -> tuple[Person, int, int]:
    """The user, the user's sockets of the same kind, and those in the room of this one."""
    is_in_room, is_of_kind = Socket.room == socket.room, Socket.kind == socket.kind
    sockets = func.count(Socket.id)
    row = await session.execute(
        select(User.username, sockets.filter(is_of_kind), sockets.filter(is_in_room))
        .outerjoin(Socket, and_(Socket.user_id == User.id, IS_LEASED))
        .where(User.id == socket.user_id)
        .group_by(User.id)
    )
    username, of_kind, in_room = row.one()
    return Person(id=socket.user_id, username=username), of_kind, in_room


async def presence(reads: ReadPool, room: str) -> RoomPresence:
    """Who is in the room, by name."""
    rows = await reads.all(PRESENT, room=room)
    users = [Person(id=row["id"], username=row["username"]) for row in rows]
    return RoomPresence(room=room, users=users, count=rows[0]["count"] if rows else 0)


async def leave(session: AsyncSession, socket_id: uuid.UUID, room: str | None) -> None:
    """Take the socket away; the room hears of it when it was the user's last one there."""
    await remove(session, Socket.id == socket_id, room)


async def expire(session: AsyncSession, socket_id: uuid.UUID, room: str | None) -> None:
    """Like `leave`, unless the lease was renewed meanwhile or another process was faster."""
    await remove(session, and_(Socket.id == socket_id, ~IS_LEASED), room)


async def remove(session: AsyncSession, which: ColumnElement[bool], room: str | None) -> None:
    if room:
        await room_messages.lock(session, room)
    user_id = await session.scalar(delete(Socket).where(which).returning(Socket.user_id))
    if user_id is None or room is None:
        return
    others = select(Socket.id).where(Socket.room == room, Socket.user_id == user_id, IS_LEASED)
    user = await session.execute(
        select(User.id, User.username).where(User.id == user_id, ~others.exists())
    )
    gone = user.one_or_none()
    if gone:
        left = RoomLeave(room=room, user=Person(id=gone.id, username=gone.username))
        await room_messages.append(session, left)


async def renew(session: AsyncSession, worker_id: uuid.UUID) -> dict[uuid.UUID, str | None]:
    """Renew all leases of a process and return the rooms of its sockets by their ids."""
    renewed = await session.execute(
        update(Socket)
        .where(Socket.worker_id == worker_id)
        .values(lease_ends_at=func.now() + LEASE)
        .returning(Socket.id, Socket.room)
    )
    return {row.id: row.room for row in renewed}


async def find_expired(session: AsyncSession) -> Sequence[tuple[uuid.UUID, str | None]]:
    """Return id and room of what killed processes have left behind."""
    rows = await session.execute(select(Socket.id, Socket.room).where(~IS_LEASED))
    return [(row.id, row.room) for row in rows]


async def delete_expired(session: AsyncSession) -> None:
    """Delete what nobody is there to hear of: processes with sockets sweep by themselves."""
    await session.execute(delete(Socket).where(Socket.lease_ends_at < func.now() - 10 * LEASE))
