"""Sign-in sessions: one row from sign-in to sign-out."""

import uuid
from datetime import datetime, timedelta

from sqlalchemy import ARRAY, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column
from typing_extensions import TypedDict

from app.db.base import Base
from app.features.users.models.user import User
from app.security.principals import Role

IDLE_LIFETIME = timedelta(days=14)
ABSOLUTE_LIFETIME = timedelta(days=90)
REFRESH_GRACE = timedelta(seconds=10)


class UserSession(Base):
    """A sign-in on one device, extended by refresh tokens.

    A refresh token names its session and its `generation`; only the newest generation is
    accepted. Use of an older one means that a token was stolen.
    """

    __tablename__ = "sessions"
    __table_args__ = (
        Index("ix_sessions_user_id", "user_id", postgresql_where=text("ended_at IS NULL")),
        Index("ix_sessions_expires_at", "expires_at"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String(30)))
    user_agent: Mapped[str | None] = mapped_column(String(255))
    address: Mapped[str | None] = mapped_column(String(45))
    generation: Mapped[int] = mapped_column(default=0, server_default="0")
    rotated_at: Mapped[datetime]
    last_used_at: Mapped[datetime]
    idle_expires_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class SessionRow(TypedDict):
    id: uuid.UUID
    created_at: datetime
    last_used_at: datetime
    user_agent: str | None
    address: str | None


class SessionPrincipalRow(TypedDict):
    user_id: uuid.UUID
    role: Role
    email_verified: bool
    session_id: uuid.UUID
