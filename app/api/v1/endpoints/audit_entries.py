"""The audit log: who did what to which row."""

from fastapi import APIRouter, Response

from app.crud import audit_entries
from app.dependencies.audit_entries import AuditFilters, AuditPagination
from app.dependencies.auth import Administrator
from app.dependencies.database import Reads
from app.schemas.audit_entry import AuditEntryRead
from app.schemas.base import Page

router = APIRouter(prefix="/audit", tags=["audit"])


@router.get("", response_model=Page[AuditEntryRead])
async def list_audit_entries(
    reads: Reads, _: Administrator, filters: AuditFilters, pagination: AuditPagination
) -> Response:
    """List who changed what, the latest first."""
    return pagination.answer(await audit_entries.list_page(reads, pagination.page, filters))
