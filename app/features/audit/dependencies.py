"""Dependencies of the audit endpoint: filters and pagination."""

import uuid
from typing import Annotated

from fastapi import Depends, Query
from pydantic import Field

from app.db.listing import Filters
from app.features.audit import crud as audit_entries
from app.http.pagination import Pagination, paginated_by_cursor
from app.http.schemas import LINE, Storable, Timestamp

Name = Annotated[Storable, Field(min_length=1, max_length=128), LINE]


async def get_audit_filters(
    actor_id: Annotated[uuid.UUID | None, Query(description="Made by this user.")] = None,
    action: Annotated[
        Name | None,
        Query(description="Of this kind of resource and change.", examples=["item.deleted"]),
    ] = None,
    resource_type: Annotated[
        Name | None, Query(description="Of resources of this kind.", examples=["item"])
    ] = None,
    resource_id: Annotated[uuid.UUID | None, Query(description="Of this resource.")] = None,
    request_id: Annotated[
        Name | None, Query(description="Made by the request with this `X-Request-ID`.")
    ] = None,
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
