"""Readers of the events that must not miss any, whatever happens to the process."""

import uuid

from sqlalchemy import BigInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base


class EventReader(Base):
    """Position of the reader: everything up to it is processed.

    Of the first event behind it, `paged_event_id`, webhooks up to `paged_webhook_id` are dealt
    with, too. The id says whether the page still counts: the previous release does not reset it.
    """

    __tablename__ = "event_readers"
    __table_args__ = (UniqueConstraint("name"),)

    name: Mapped[str] = mapped_column(String(50))
    transaction_id: Mapped[int] = mapped_column(BigInteger)
    event_id: Mapped[int] = mapped_column(BigInteger)
    paged_event_id: Mapped[int | None] = mapped_column(BigInteger)
    paged_webhook_id: Mapped[uuid.UUID | None]
