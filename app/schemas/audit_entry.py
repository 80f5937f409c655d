"""Entries of the audit log on the wire."""

import uuid
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from app.schemas.base import Out

Snapshot = Annotated[
    dict[str, Any],
    Field(description="The row without its secrets.", examples=[{"name": "Walnut desk"}]),
]


class AuditEntryRead(Out):
    id: uuid.UUID
    created_at: datetime
    actor_id: uuid.UUID | None = Field(
        description="Whose request it was; null where nobody was signed in."
    )
    request_id: str | None = Field(max_length=128)
    action: str = Field(max_length=100, examples=["item.updated"])
    resource_type: str = Field(max_length=50, examples=["item"])
    resource_id: uuid.UUID
    before: Snapshot | None
    after: Snapshot | None
