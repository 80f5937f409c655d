"""Mailed tokens: proof that a user owns a mailbox."""

import enum
import uuid
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, text_enum
from app.errors import BadRequest
from app.features.users.models.user import User


class Purpose(enum.StrEnum):
    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"


LIFETIMES = {Purpose.VERIFY_EMAIL: timedelta(days=3), Purpose.RESET_PASSWORD: timedelta(hours=1)}


class InvalidMailedToken(BadRequest):
    code = "invalid_mailed_token"
    title = "Invalid link"
    remedy = "Ask for a new link: each works once and for a short time."


class MailedToken(Base):
    """A single-use link; only the SHA-256 of its token is stored."""

    __tablename__ = "mailed_tokens"
    __table_args__ = (
        Index("uq_mailed_tokens_token_hash", "token_hash", unique=True),
        Index("ix_mailed_tokens_user_id", "user_id"),
        Index("ix_mailed_tokens_expires_at", "expires_at"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    purpose: Mapped[Purpose] = mapped_column(text_enum(Purpose))
    email_canonical: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    expires_at: Mapped[datetime]
