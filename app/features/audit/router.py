"""Endpoint of the audit log."""

from fastapi import APIRouter, Response

from app.db.dependencies import Reads
from app.features.audit import crud as audit_entries
from app.features.audit.dependencies import AuditFilters, AuditPagination
from app.features.audit.schemas import AuditEntryRead
from app.http.routes import ServiceRoute
from app.http.schemas import Page
from app.security.authentication import Administrator

router = APIRouter(prefix="/audit", tags=["audit"], route_class=ServiceRoute)


@router.get("", response_model=Page[AuditEntryRead])
async def list_audit_entries(
    reads: Reads, _: Administrator, filters: AuditFilters, pagination: AuditPagination
) -> Response:
    """List all changes with actor and row, newest first."""
    return pagination.respond(await audit_entries.list_page(reads, pagination.page, filters))
