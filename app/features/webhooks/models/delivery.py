"""Webhook deliveries: messages and their status."""

import enum
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column
from typing_extensions import TypedDict

from app.db.base import Base, text_enum
from app.errors import AppError, Conflict
from app.features.events.models.event import Position
from app.features.webhooks.models.webhook import Webhook
from app.runtime.jitter import jitter

# Recommended by Standard Webhooks; a message fails after at most 71.6 hours.
DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 20)),
)
# Jitter only shortens delays: receivers that failed together are not all retried together.
SHORTEST = 0.75


class DeliveryStatus(enum.StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


IS_OPEN = text("status IN ('pending', 'sending')")


class DeliveryInProgress(Conflict):
    code = "delivery_in_progress"
    title = "Delivery in progress"
    remedy = "Wait some seconds for the response of the receiver."


class MessageExpired(AppError):
    status = 410
    code = "message_expired"
    title = "Message expired"
    remedy = "The event of the message is no longer stored: read the resource itself."


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of one attempt: the status of a response, or the code of an error."""

    duration_ms: int
    response_status: int | None = None
    error: str | None = None

    @property
    def is_success(self) -> bool:
        return self.response_status is not None and self.response_status // 100 == 2  # noqa: PLR2004  (2xx)


class WebhookDelivery(Base):
    """One message: its id is the `webhook-id` at every attempt.

    It refers to its event, from which the body is rendered. `payload` is the body if there is no
    event: for `webhook.test`. `next_attempt_at` is when the
    message is due and, while it is being sent, when its lease ends.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("ix_webhook_deliveries_webhook_id", "webhook_id", "created_at", "id"),
        Index("ix_webhook_deliveries_created_at", "created_at"),
        Index(
            "ix_webhook_deliveries_open",
            "webhook_id",
            "next_attempt_at",
            "id",
            postgresql_where=IS_OPEN,
        ),
    )

    webhook_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Webhook.id, ondelete="CASCADE"))
    event_type: Mapped[str] = mapped_column(String(30))
    event_transaction_id: Mapped[int | None] = mapped_column(BigInteger)
    event_id: Mapped[int | None] = mapped_column(BigInteger)
    payload: Mapped[str | None] = mapped_column(Text)
    status: Mapped[DeliveryStatus] = mapped_column(
        text_enum(DeliveryStatus), server_default=DeliveryStatus.PENDING.value
    )
    attempts: Mapped[int] = mapped_column(server_default="0")
    next_attempt_at: Mapped[datetime | None]
    last_attempt_at: Mapped[datetime | None]
    response_status: Mapped[int | None]
    duration_ms: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(String(50))

    @property
    def position(self) -> Position | None:
        """Position of its event, which may have been deleted."""
        if self.event_transaction_id is None or self.event_id is None:
            return None
        return Position(self.event_transaction_id, self.event_id)

    def record(self, outcome: Outcome, *, at: datetime) -> None:
        """Record the outcome of the attempt and schedule the next one."""
        self.last_attempt_at, self.next_attempt_at = at, None
        self.response_status, self.duration_ms = outcome.response_status, outcome.duration_ms
        self.error = outcome.error
        if outcome.is_success:
            self.status = DeliveryStatus.SUCCEEDED
        elif self.attempts > len(DELAYS):
            self.status = DeliveryStatus.FAILED
        else:
            self.status = DeliveryStatus.PENDING
            self.next_attempt_at = at + pause_after(self.attempts)

    def redeliver(self, *, at: datetime) -> None:
        """Make the message due at `at`; the back-off continues from its attempt count.

        Raises:
            DeliveryInProgress: it is being sent.
        """
        if self.status is DeliveryStatus.SENDING:
            raise DeliveryInProgress("The message is being sent.")
        self.status, self.next_attempt_at = DeliveryStatus.PENDING, at


def pause_after(attempt: int) -> timedelta:
    """Return the delay after a failed attempt (counted from 1), with jitter."""
    return DELAYS[attempt - 1] * jitter(SHORTEST, 1)


class WebhookDeliveryRow(TypedDict):
    id: uuid.UUID
    webhook_id: uuid.UUID
    event_type: str
    status: DeliveryStatus
    attempts: int
    created_at: datetime
    next_attempt_at: datetime | None
    last_attempt_at: datetime | None
    response_status: int | None
    duration_ms: int | None
    error: str | None


class ClaimedRow(TypedDict):
    """A delivery that a sender has claimed, with URL and secrets of its webhook."""

    id: uuid.UUID
    webhook_id: uuid.UUID
    attempts: int
    payload: str
    url: str
    secret_encrypted: bytes
    old_secret_encrypted: bytes | None
    overlap_until: datetime | None
