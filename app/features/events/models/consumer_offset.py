"""Consumer offsets: durable positions of the consumers of events, which survive the process."""

import uuid

from sqlalchemy import BigInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base


class ConsumerOffset(Base):
    """Offset of one consumer: all events up to it are processed.

    Of the first event behind it, `paged_event_id`, webhooks up to `paged_webhook_id` are
    processed, too. The id shows whether the page is current: the previous release does not
    reset it.
    """

    __tablename__ = "event_readers"
    __table_args__ = (UniqueConstraint("name"),)

    name: Mapped[str] = mapped_column(String(50))
    transaction_id: Mapped[int] = mapped_column(BigInteger)
    event_id: Mapped[int] = mapped_column(BigInteger)
    paged_event_id: Mapped[int | None] = mapped_column(BigInteger)
    paged_webhook_id: Mapped[uuid.UUID | None]
