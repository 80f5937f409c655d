"""Notifications to users, by the service or by administrators."""

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column
from typing_extensions import TypedDict

from app.db.base import Base
from app.features.users.models.user import User


class Notification(Base):
    """A message stored for its user in addition to the mail, which may be lost."""

    __tablename__ = "notifications"
    __table_args__ = (Index("ix_notifications_user_id", "user_id", "created_at", "id"),)

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    subject: Mapped[str] = mapped_column(String(200))
    message: Mapped[str] = mapped_column(String(5000))


class NotificationRow(TypedDict):
    id: uuid.UUID
    subject: str
    message: str
    created_at: datetime
