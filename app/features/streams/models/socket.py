"""Leases of open streams; those of a killed process expire."""

import enum
import uuid
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, text_enum
from app.errors import TooManyRequests
from app.features.users.models.user import User

LEASE = timedelta(seconds=10)


class TooManySockets(TooManyRequests):
    code = "too_many_sockets"
    title = "Too many sockets"
    remedy = "Close one of your WebSockets; a lost one counts for some seconds more."


class TooManyStreams(TooManyRequests):
    code = "too_many_streams"
    title = "Too many event streams"
    remedy = "Close one of your event streams; a lost one counts for some seconds more."


class StreamKind(enum.StrEnum):
    """Kinds of streams, each with its own limit."""

    WEBSOCKET = "websocket"
    EVENTS = "events"


class Socket(Base):
    """One WebSocket of a user, with a topic if it shares one with others, or one event stream.

    UNLOGGED: a crash of the database server closes the sockets that the rows describe.
    """

    __tablename__ = "sockets"
    __table_args__ = (
        Index("ix_sockets_user_id", "user_id"),
        Index("ix_sockets_topic", "topic", "user_id"),
        Index("ix_sockets_worker_id", "worker_id"),
        Index("ix_sockets_lease_ends_at", "lease_ends_at"),
        {"prefixes": ["UNLOGGED"]},
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    kind: Mapped[StreamKind] = mapped_column(
        text_enum(StreamKind), server_default=StreamKind.WEBSOCKET.value
    )
    topic: Mapped[str | None] = mapped_column(String(64))
    # The process that holds the lease.
    worker_id: Mapped[uuid.UUID]
    lease_ends_at: Mapped[datetime]
