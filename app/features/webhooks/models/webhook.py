"""Webhooks: URLs that receive events."""

import enum
import uuid
from collections.abc import Set
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from typing_extensions import TypedDict

from app.db.base import Base, Versioned, VersionedRow
from app.errors import Conflict
from app.feature import load_features
from app.features.events.event_types import scopes_to_receive, type_names
from app.features.users.models.user import User
from app.security.principals import ADMIN, Principal, Role

# How long messages are also signed with the previous secret.
OVERLAP = timedelta(hours=24)
# A webhook whose deliveries have all failed for so long is disabled.
FAILURE_TIMEOUT = timedelta(days=5)


class DisabledReason(enum.StrEnum):
    """Why a webhook was disabled."""

    OWNER = "owner"
    RECEIVER_FAILED = "receiver_failed"
    PASSWORD_RESET = "password_reset"
    PASSWORD_CHANGED = "password_changed"
    SIGNED_OUT = "signed_out"
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_DELETED = "account_deleted"
    ROLE_CHANGED = "role_changed"
    EMAIL_CONFIRMED = "email_confirmed"


class TooManyWebhooks(Conflict):
    code = "too_many_webhooks"
    title = "Too many webhooks"
    remedy = "Delete a webhook that you no longer need, or subscribe one to more events."


class WebhookDisabled(Conflict):
    code = "webhook_disabled"
    title = "Webhook disabled"
    remedy = "Repair the receiver, then set is_active to true."


class Webhook(Versioned, Base):
    """A URL, the events that it receives, and the encrypted secret that signs the messages.

    `scopes` are those of the credential that last set it up: it receives no event that this
    credential could not read. `failing_since` is the first failure with no success since. Events
    behind the position of the backlog are not queued yet, because too many deliveries wait.
    """

    __tablename__ = "webhooks"
    __table_args__ = (
        Index("ix_webhooks_owner_id", "owner_id", "created_at", "id"),
        Index("ix_webhooks_created_at", "created_at", "id"),
        Index(
            "ix_webhooks_backlog_since",
            "backlog_since",
            postgresql_where=text("backlog_since IS NOT NULL"),
        ),
    )

    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    url: Mapped[str] = mapped_column(String(2048))
    events: Mapped[list[str]] = mapped_column(ARRAY(String(30)))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String(30)))
    description: Mapped[str | None] = mapped_column(String(200))
    is_active: Mapped[bool] = mapped_column(server_default="true")
    disabled_reason: Mapped[DisabledReason | None] = mapped_column(String(30))
    failing_since: Mapped[datetime | None]
    secret_encrypted: Mapped[bytes] = mapped_column(LargeBinary)
    old_secret_encrypted: Mapped[bytes | None] = mapped_column(LargeBinary)
    overlap_until: Mapped[datetime | None]
    backlog_since: Mapped[datetime | None]
    backlog_transaction_id: Mapped[int | None] = mapped_column(BigInteger)
    backlog_event_id: Mapped[int | None] = mapped_column(BigInteger)

    def rotate(self, encrypted: bytes, *, at: datetime) -> datetime:
        """Sign with the new secret, and until the returned time also with the previous one."""
        self.old_secret_encrypted, self.overlap_until = self.secret_encrypted, at + OVERLAP
        self.secret_encrypted = encrypted
        return self.overlap_until

    def enable(self) -> None:
        self.is_active, self.failing_since, self.disabled_reason = True, None, None
        self.end_backlog()

    def disable(self, reason: DisabledReason) -> None:
        self.is_active, self.disabled_reason = False, reason
        self.end_backlog()

    def end_backlog(self) -> None:
        self.backlog_since = self.backlog_transaction_id = self.backlog_event_id = None

    def has_failed_too_long(self, *, at: datetime) -> bool:
        """Return whether all deliveries have failed for longer than the failure timeout."""
        return self.failing_since is not None and self.failing_since <= at - FAILURE_TIMEOUT

    def check_active(self) -> None:
        """Check that the webhook is active.

        Raises:
            WebhookDisabled: it is disabled.
        """
        if not self.is_active:
            raise WebhookDisabled("The webhook is disabled: nothing is sent to it.")


class WebhookRow(VersionedRow):
    owner_id: uuid.UUID
    url: str
    events: list[str]
    description: str | None
    is_active: bool
    disabled_reason: str | None
    failing_since: datetime | None
    backlog_since: datetime | None


class RecipientRow(TypedDict):
    """What decides which events a webhook may receive."""

    owner_id: uuid.UUID
    scopes: list[str]
    role: Role


class SubscriberRow(RecipientRow):
    id: uuid.UUID
    events: list[str]


class BacklogRow(SubscriberRow):
    """A subscriber with the position behind which events are not queued yet."""

    backlog_transaction_id: int
    backlog_event_id: int


def receiving_scopes(scopes: Set[str]) -> list[str]:
    """Return the scopes that decide which events a webhook receives."""
    return sorted(scopes & (scopes_to_receive(type_names()) | {ADMIN}))


def recipient(row: RecipientRow) -> Principal:
    """Return the owner of a webhook, with the scopes that the webhook was set up with."""
    return load_features().permissions.principal(
        row["owner_id"],
        row["role"],
        frozenset(row["scopes"]),
        email_verified=True,  # The queries select verified owners only.
    )
