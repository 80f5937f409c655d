"""The sockets table: leases of open streams. Flushes; never commits."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, select, update

from app.db.session import AsyncSession
from app.features.streams.models.socket import (
    LEASE,
    Socket,
    StreamKind,
    TooManySockets,
    TooManyStreams,
)
from app.features.streams.topics import TopicHandler

LOCKS = 7_246_395
TOO_MANY: dict[StreamKind, tuple[type[TooManySockets | TooManyStreams], str]] = {
    StreamKind.WEBSOCKET: (TooManySockets, "WebSockets"),
    StreamKind.EVENTS: (TooManyStreams, "event streams"),
}
IS_LEASED = Socket.lease_ends_at > func.now()


async def enter(session: AsyncSession, socket: Socket, topics: TopicHandler, *, limit: int) -> Any:
    """Add the socket and return the result of its topic handler.

    Raises:
        TooManySockets, TooManyStreams: the user has as many of this kind as the limit allows.
    """
    await session.execute(
        select(func.pg_advisory_xact_lock(LOCKS, func.hashtext(str(socket.user_id))))
    )
    if socket.topic:
        await topics.lock(session, socket.topic)
    of_kind, of_topic = await count(session, socket)
    if of_kind >= limit:
        raise too_many(socket.kind, limit=limit)
    socket.lease_ends_at = func.now() + LEASE
    session.add(socket)
    await session.flush()
    if socket.topic is None:
        return None
    return await topics.entered(session, socket.topic, socket.user_id, not of_topic)


def too_many(kind: StreamKind, *, limit: int) -> TooManySockets | TooManyStreams:
    """Return the error for a user who has `limit` streams of this kind."""
    error, noun = TOO_MANY[kind]
    return error(f"At most {limit} {noun} at once.", retry_after_seconds=int(LEASE.total_seconds()))


async def count(session: AsyncSession, socket: Socket) -> tuple[int, int]:
    """Count the user's sockets of the same kind, and those of the same topic."""
    sockets = func.count(Socket.id)
    counted = await session.execute(
        select(
            sockets.filter(Socket.kind == socket.kind), sockets.filter(Socket.topic == socket.topic)
        ).where(Socket.user_id == socket.user_id, IS_LEASED)
    )
    of_kind, of_topic = counted.one()
    return of_kind, of_topic


async def leave(
    session: AsyncSession, socket_id: uuid.UUID, topic: str | None, topics: TopicHandler
) -> None:
    """Remove the socket; call the handler if it was the user's last one of the topic."""
    await remove(session, Socket.id == socket_id, topic, topics)


async def expire(
    session: AsyncSession, socket_id: uuid.UUID, topic: str | None, topics: TopicHandler
) -> None:
    """Remove the socket unless its lease was renewed or another process removed it first."""
    await remove(session, and_(Socket.id == socket_id, ~IS_LEASED), topic, topics)


async def remove(
    session: AsyncSession, condition: ColumnElement[bool], topic: str | None, topics: TopicHandler
) -> None:
    if topic:
        await topics.lock(session, topic)
    user_id = await session.scalar(delete(Socket).where(condition).returning(Socket.user_id))
    if user_id is None or topic is None:
        return
    others = select(Socket.id).where(Socket.topic == topic, Socket.user_id == user_id, IS_LEASED)
    if not await session.scalar(select(others.exists())):
        await topics.left(session, topic, user_id)


async def renew(session: AsyncSession, worker_id: uuid.UUID) -> dict[uuid.UUID, str | None]:
    """Renew all leases of a process and return the topics of its sockets by their ids."""
    renewed = await session.execute(
        update(Socket)
        .where(Socket.worker_id == worker_id)
        .values(lease_ends_at=func.now() + LEASE)
        .returning(Socket.id, Socket.topic)
    )
    return {row.id: row.topic for row in renewed}


async def find_expired(session: AsyncSession) -> Sequence[tuple[uuid.UUID, str | None]]:
    """Return id and topic of the expired leases, which killed processes left behind."""
    rows = await session.execute(select(Socket.id, Socket.topic).where(~IS_LEASED))
    return [(row.id, row.topic) for row in rows]


async def delete_expired(session: AsyncSession) -> None:
    """Delete leases that expired long ago: any process with sockets expires recent ones itself."""
    await session.execute(delete(Socket).where(Socket.lease_ends_at < func.now() - 10 * LEASE))
