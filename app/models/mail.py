"""Mails on their way out."""

import enum
from datetime import datetime

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, text_enum


class Template(enum.StrEnum):
    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"


class Mail(Base):
    """A mail, written in the transaction that causes it: rolled back, it was never sent.

    It holds no text: the link in it is made when it is sent, so no secret waits here.
    """

    __tablename__ = "mails"
    __table_args__ = (
        Index("ix_mails_unsent", "created_at", postgresql_where=text("sent_at IS NULL")),
    )

    recipient: Mapped[str] = mapped_column(String(320))
    template: Mapped[Template] = mapped_column(text_enum(Template))
    sent_at: Mapped[datetime | None]
