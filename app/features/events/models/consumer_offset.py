"""Consumer offsets: durable positions of the consumers of events, which survive the process."""

import uuid

from sqlalchemy import BigInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base


class ConsumerOffset(Base):
    """Offset of one consumer: all events up to it are processed.

    If the first event behind it is `paged_event_id`, it is processed for webhooks up to
    `paged_webhook_id`; for any other event the page is outdated.
    """

    __tablename__ = "consumer_offsets"
    __table_args__ = (UniqueConstraint("name"),)

    name: Mapped[str] = mapped_column(String(50))
    transaction_id: Mapped[int] = mapped_column(BigInteger)
    event_id: Mapped[int] = mapped_column(BigInteger)
    paged_event_id: Mapped[int | None] = mapped_column(BigInteger)
    paged_webhook_id: Mapped[uuid.UUID | None]
