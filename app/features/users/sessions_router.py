"""Endpoints of the caller's sign-in sessions."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from app.db.dependencies import Reads, UnitOfWorkDep
from app.errors import NotFound, SessionRequired
from app.features.users.crud import sessions
from app.features.users.schemas import SessionRead
from app.http.pagination import Pagination, paginated
from app.http.problem_details import responses
from app.http.schemas import Page
from app.http.unit_of_work import UnitOfWorkRoute
from app.security.authentication import SessionHolder

router = APIRouter(prefix="/auth/sessions", tags=["auth"], route_class=UnitOfWorkRoute)
SessionPagination = Annotated[
    Pagination, Depends(paginated(sessions.LISTING.sorts, sessions.LISTING.default_sort))
]


@router.get("", response_model=Page[SessionRead], responses=responses(SessionRequired))
async def list_sessions(
    reads: Reads, principal: SessionHolder, pagination: SessionPagination
) -> Response:
    """List where you are signed in, the last used first."""
    return pagination.answer(await sessions.list_page(reads, pagination.page, user_id=principal.id))


@router.delete(
    "/{session_id}",
    status_code=204,
    response_class=Response,
    responses=responses(SessionRequired, NotFound),
)
async def end_session(session_id: uuid.UUID, uow: UnitOfWorkDep, principal: SessionHolder) -> None:
    """Sign out somewhere else."""
    await sessions.end(uow, session_id, user_id=principal.id)
