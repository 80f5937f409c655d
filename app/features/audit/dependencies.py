"""Dependencies of the audit endpoint: filters and pagination."""

import uuid
from typing import Annotated

from fastapi import Depends, Query
from pydantic import Field

from app.db.listing import Filters
from app.features.audit import crud as audit_entries
from app.http.pagination import Pagination, paginated_by_cursor
from app.http.schemas import LINE, Storable, Timestamp

Name = Annotated[Annotated[Storable, Field(min_length=1, max_length=128), LINE] | None, Query()]


async def get_audit_filters(
    actor_id: uuid.UUID | None = None,
    action: Annotated[Name, Query(examples=["item.deleted"])] = None,
    resource_type: Annotated[Name, Query(examples=["item"])] = None,
    resource_id: uuid.UUID | None = None,
    request_id: Name = None,
    since: Annotated[Timestamp | None, Query(description="From this time on.")] = None,
    until: Annotated[Timestamp | None, Query(description="Before this time.")] = None,
) -> Filters:
    return {
        "actor_id": actor_id,
        "action": action,
        "resource_type": resource_type,
        "resource_id": resource_id,
        "request_id": request_id,
        "since": since,
        "until": until,
    }


AuditFilters = Annotated[Filters, Depends(get_audit_filters)]
AuditPagination = Annotated[Pagination, Depends(paginated_by_cursor(audit_entries.LISTING))]
