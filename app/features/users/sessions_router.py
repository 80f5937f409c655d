"""Endpoints of the caller's sign-in sessions."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from app.db.dependencies import Reads, UnitOfWorkDep
from app.errors import NotFound, SessionRequired
from app.features.users.crud import sessions
from app.features.users.models.session import SessionRow
from app.features.users.schemas import SESSION_EXAMPLE_ID, SessionRead
from app.features.users.scopes import permit_management
from app.http.pagination import Pagination, paginated
from app.http.problem_details import responses
from app.http.schemas import Page
from app.http.unit_of_work import UnitOfWorkRoute
from app.security.authentication import SessionPrincipal

router = APIRouter(prefix="/auth/sessions", tags=["auth"], route_class=UnitOfWorkRoute)
SessionId = Annotated[
    uuid.UUID, Path(description="Id of the session.", examples=[SESSION_EXAMPLE_ID])
]
SessionPagination = Annotated[Pagination, Depends(paginated(sessions.LISTING))]


@router.get("", response_model=Page[SessionRead], responses=responses(SessionRequired))
async def list_sessions(
    reads: Reads, principal: SessionPrincipal, pagination: SessionPagination
) -> Response:
    """List your sessions, last used first."""
    page = await sessions.list_page(reads, pagination.page, user_id=principal.id)
    return pagination.respond(page, SessionRow)


@router.delete(
    "/{session_id}",
    status_code=204,
    response_class=Response,
    responses=responses(SessionRequired, NotFound),
)
async def end_session(
    session_id: SessionId, uow: UnitOfWorkDep, principal: SessionPrincipal
) -> None:
    """End one of your sessions; another one than this needs `users:write` if your role has it."""
    if session_id != principal.session_id:
        permit_management(principal)
    await sessions.end(uow, session_id, user_id=principal.id)
