"""The sockets table: leases of open streams. Flushes; never commits."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, select, update

from app.db.unit_of_work import UnitOfWork
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


async def enter(uow: UnitOfWork, socket: Socket, topics: TopicHandler, *, limit: int) -> Any:
    """Add the socket and return the result of its topic handler.

    Raises:
        TooManySockets, TooManyStreams: the user has as many of this kind as the limit allows.
    """
    await uow.session.execute(
        select(func.pg_advisory_xact_lock(LOCKS, func.hashtext(str(socket.user_id))))
    )
    if socket.topic:
        await topics.lock(uow, socket.topic)
    of_kind, of_topic = await count(uow, socket)
    if of_kind >= limit:
        raise too_many(socket.kind, limit=limit)
    socket.lease_ends_at = func.now() + LEASE
    uow.session.add(socket)
    await uow.session.flush()
    if socket.topic is None:
        return None
    return await topics.entered(uow, socket.topic, socket.user_id, not of_topic)


def too_many(kind: StreamKind, *, limit: int) -> TooManySockets | TooManyStreams:
    """Return the error for a user who has `limit` streams of this kind."""
    error, noun = TOO_MANY[kind]
    return error(f"At most {limit} {noun} at once.", retry_after_seconds=int(LEASE.total_seconds()))


async def count(uow: UnitOfWork, socket: Socket) -> tuple[int, int]:
    """Count the user's sockets of the same kind, and those of the same topic."""
    sockets = func.count(Socket.id)
    counted = await uow.session.execute(
        select(
            sockets.filter(Socket.kind == socket.kind), sockets.filter(Socket.topic == socket.topic)
        ).where(Socket.user_id == socket.user_id, IS_LEASED)
    )
    of_kind, of_topic = counted.one()
    return of_kind, of_topic


async def leave(
    uow: UnitOfWork, socket_id: uuid.UUID, topic: str | None, topics: TopicHandler
) -> None:
    """Remove the socket; call the handler if it was the user's last one of the topic."""
    await remove(uow, Socket.id == socket_id, topic, topics)


async def expire(
    uow: UnitOfWork, socket_id: uuid.UUID, topic: str | None, topics: TopicHandler
) -> None:
    """Remove the socket unless its lease was renewed or another process removed it first."""
    await remove(uow, and_(Socket.id == socket_id, ~IS_LEASED), topic, topics)


async def remove(
    uow: UnitOfWork, condition: ColumnElement[bool], topic: str | None, topics: TopicHandler
) -> None:
    if topic:
        await topics.lock(uow, topic)
    user_id = await uow.session.scalar(delete(Socket).where(condition).returning(Socket.user_id))
    if user_id is None or topic is None:
        return
    others = select(Socket.id).where(Socket.topic == topic, Socket.user_id == user_id, IS_LEASED)
    if not await uow.session.scalar(select(others.exists())):
        await topics.left(uow, topic, user_id)


async def renew(uow: UnitOfWork, worker_id: uuid.UUID) -> dict[uuid.UUID, str | None]:
    """Renew all leases of a process and return the topics of its sockets by their ids."""
    renewed = await uow.session.execute(
        update(Socket)
        .where(Socket.worker_id == worker_id)
        .values(lease_ends_at=func.now() + LEASE)
        .returning(Socket.id, Socket.topic)
    )
    return {row.id: row.topic for row in renewed}


async def find_expired(uow: UnitOfWork) -> Sequence[tuple[uuid.UUID, str | None]]:
    """Return id and topic of the expired leases, which killed processes left behind."""
    rows = await uow.session.execute(select(Socket.id, Socket.topic).where(~IS_LEASED))
    return [(row.id, row.topic) for row in rows]


async def delete_expired(uow: UnitOfWork) -> None:
    """Delete leases that expired long ago: any process with sockets expires recent ones itself."""
    await uow.session.execute(delete(Socket).where(Socket.lease_ends_at < func.now() - 10 * LEASE))
