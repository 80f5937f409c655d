"""The audit_entries table, read-only. Triggers write it: see docs/adr/0010."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam

from app.db.executor import PoolReader
from app.db.listing import Listing, PageRequest, PageRows
from app.features.audit.models import AuditEntry
from app.features.audit.schemas import AuditEntryRead

LISTING = Listing(
    [getattr(AuditEntry, name) for name in AuditEntryRead.model_fields],
    where=[],
    filters={
        "actor_id": lambda: AuditEntry.actor_id == bindparam("actor_id"),
        "action": lambda: AuditEntry.action == bindparam("action"),
        "resource_type": lambda: AuditEntry.resource_type == bindparam("resource_type"),
        "resource_id": lambda: AuditEntry.resource_id == bindparam("resource_id"),
        "request_id": lambda: AuditEntry.request_id == bindparam("request_id"),
        "since": lambda: AuditEntry.created_at >= bindparam("since"),
        "until": lambda: AuditEntry.created_at < bindparam("until"),
    },
    sorts={"created_at": AuditEntry.created_at},
    default_sort=("-created_at",),
    key=AuditEntry.id,
)


async def list_page(
    reads: PoolReader, request: PageRequest, filters: Mapping[str, Any]
) -> PageRows:
    """Return one page of the entries that match."""
    return await LISTING.page(reads, request, filters)
