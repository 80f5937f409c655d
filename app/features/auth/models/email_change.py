"""Pending changes of an e-mail address."""

import uuid
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.features.users.models.user import User

LIFETIME = timedelta(days=1)


class EmailChange(Base):
    """A new address of an account that takes effect when its mailbox confirms it.

    An account has at most one; only the SHA-256 of its mailed token is stored.
    """

    __tablename__ = "email_changes"
    __table_args__ = (
        Index("uq_email_changes_user_id", "user_id", unique=True),
        Index("uq_email_changes_token_hash", "token_hash", unique=True),
        Index("ix_email_changes_expires_at", "expires_at"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    email: Mapped[str] = mapped_column(String(320))
    # Set when the job composes the mail: task arguments must not hold secrets.
    token_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    expires_at: Mapped[datetime]
