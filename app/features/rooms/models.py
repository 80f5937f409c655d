"""Messages of rooms, retained for the minutes in which a process may miss notifications."""

from datetime import timedelta

from sqlalchemy import BigInteger, Identity, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column
from typing_extensions import TypedDict

from app.db.base import Base

RETENTION = timedelta(minutes=10)


class RoomMessage(Base):
    """One envelope as it is sent. `number` grows in the order of the commits in a room.

    UNLOGGED: a crash of the database server disconnects the participants, too.
    """

    __tablename__ = "room_messages"
    __table_args__ = (
        Index("uq_room_messages_room_number", "room", "number", unique=True),
        Index("ix_room_messages_created_at", "created_at"),
        {"prefixes": ["UNLOGGED"]},
    )

    room: Mapped[str] = mapped_column(String(64))
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    envelope: Mapped[str] = mapped_column(Text)


class RoomMessageRow(TypedDict):
    room: str
    number: int
    envelope: str
