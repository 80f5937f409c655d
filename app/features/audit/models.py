"""Audit log: actor and change of each row, written by triggers. See docs/adr/0010."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column
from typing_extensions import TypedDict

from app.db.base import Base
from app.db.grants import APPEND_ONLY


class AuditEntry(Base):
    """One change of one row, from the transaction of the change; append-only.

    Without foreign keys: an entry outlives its actor and its resource.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_created_at", "created_at", "id"),
        Index("ix_audit_entries_resource_id", "resource_id", "created_at", "id"),
        Index("ix_audit_entries_actor_id", "actor_id", "created_at", "id"),
        Index("ix_audit_entries_request_id", "request_id", "created_at", "id"),
        {"info": {APPEND_ONLY: True}},
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    actor_id: Mapped[uuid.UUID | None]
    request_id: Mapped[str | None] = mapped_column(String(128))
    resource_type: Mapped[str] = mapped_column(String(50))
    resource_id: Mapped[uuid.UUID]
    action: Mapped[str] = mapped_column(String(100))
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]


class AuditEntryRow(TypedDict):
    id: uuid.UUID
    created_at: datetime
    actor_id: uuid.UUID | None
    request_id: str | None
    action: str
    resource_type: str
    resource_id: uuid.UUID
    before: dict[str, Any] | None
    after: dict[str, Any] | None
