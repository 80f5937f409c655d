"""Schemas of the audit log."""

import uuid
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from app.http.schemas import ResponseModel


def in_utc(row: dict[str, Any]) -> dict[str, Any]:
    """Format times as in the other schemas; rows written by PostgreSQL have `+00:00`."""
    return {name: zulu(value) if name.endswith("_at") else value for name, value in row.items()}


def zulu(time: str | None) -> str | None:
    return time and time.replace("+00:00", "Z")


Snapshot = Annotated[
    dict[str, Any],
    BeforeValidator(in_utc),
    Field(description="The row without its secrets.", examples=[{"name": "Walnut desk"}]),
]


class AuditEntryRead(ResponseModel):
    id: uuid.UUID
    """Id of the entry."""
    created_at: datetime
    """Time of the change."""
    actor_id: uuid.UUID | None = Field(
        description="The user who made the request; null for anonymous requests."
    )
    request_id: str | None = Field(max_length=128)
    """`X-Request-ID` of the request that made the change, or null if no request did."""
    action: str = Field(max_length=100, examples=["item.updated"])
    """Kind of the resource and of the change."""
    resource_type: str = Field(max_length=50, examples=["item"])
    """Kind of the resource."""
    resource_id: uuid.UUID
    """Id of the resource."""
    before: Snapshot | None
    """The row before the change, without its secrets; null if it was created."""
    after: Snapshot | None
    """The row after the change, without its secrets; null if it was deleted."""
