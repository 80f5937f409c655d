"""Messages of rooms, kept for the minutes that a process may miss notifications."""

from datetime import timedelta

from sqlalchemy import BigInteger, Identity, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base

KEPT = timedelta(minutes=10)


class RoomMessage(Base):
    """One envelope as its readers get it. `number` grows with the order of the commits in a room.

    UNLOGGED: who would read it after a crash of the server has been cut off as well.
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
