"""Tickets: what a browser shows to open a stream, where it cannot send a header."""

import uuid
from datetime import datetime, timedelta

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.errors import Unauthenticated
from app.features.api_keys.models import ApiKey
from app.features.users.models.session import UserSession
from app.features.users.models.user import User

LIFETIME = timedelta(seconds=30)


class InvalidTicket(Unauthenticated):
    code = "invalid_ticket"
    title = "Invalid ticket"
    remedy = "Get a new ticket from POST /api/v1/auth/ws-ticket: each works once, for 30 seconds."


class Ticket(Base):
    """One use of the credential that asked for it; only the SHA-256 of its text is stored."""

    __tablename__ = "tickets"
    __table_args__ = (
        CheckConstraint("num_nonnulls(session_id, api_key_id) = 1", name="has_one_origin"),
        Index("uq_tickets_secret_hash", "secret_hash", unique=True),
        Index("ix_tickets_expires_at", "expires_at"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    session_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey(UserSession.id, ondelete="CASCADE")
    )
    api_key_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(ApiKey.id))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String(30)))
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    # When that credential ends, and with it the stream that the ticket opens.
    credential_expires_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]
