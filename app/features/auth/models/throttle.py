"""Counters of password and token attempts."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base


class Throttle(Base):
    """Attempts for one key (an account or an address) within a window.

    `consecutive_failures` are counted across windows, and reset by a correct attempt.
    """

    __tablename__ = "throttles"
    __table_args__ = (
        Index("uq_throttles_key", "key", unique=True),
        Index("ix_throttles_window_ends_at", "window_ends_at"),
    )

    key: Mapped[str] = mapped_column(String(100))
    attempts: Mapped[int]
    consecutive_failures: Mapped[int]
    window_ends_at: Mapped[datetime]
