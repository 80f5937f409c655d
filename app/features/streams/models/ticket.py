"""Tickets: single-use credentials for streams of browsers, which cannot send headers there."""

import uuid
from datetime import datetime, timedelta

from sqlalchemy import ARRAY, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.errors import Unauthenticated
from app.features.users.models.user import User
from app.security.principals import Credential, CredentialKind

LIFETIME = timedelta(seconds=30)


class InvalidTicket(Unauthenticated):
    code = "invalid_ticket"
    title = "Invalid ticket"
    remedy = "Get a new ticket from POST /api/v1/auth/ws-ticket: each works once, for 30 seconds."


class Ticket(Base):
    """One use of the credential that requested it; only the SHA-256 of its text is stored."""

    __tablename__ = "tickets"
    __table_args__ = (
        Index("uq_tickets_secret_hash", "secret_hash", unique=True),
        Index("ix_tickets_expires_at", "expires_at"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    # Without a foreign key: it is checked when the ticket is redeemed.
    credential_kind: Mapped[CredentialKind] = mapped_column(String(30))
    credential_id: Mapped[uuid.UUID]
    credential_version: Mapped[str] = mapped_column(String(16))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String(30)))
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    # The stream that the ticket opens ends at this time, too.
    credential_expires_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]

    @property
    def credential(self) -> Credential:
        kind = CredentialKind(self.credential_kind)
        return Credential(kind, self.credential_id, self.credential_version)
