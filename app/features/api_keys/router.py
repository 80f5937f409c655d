"""Endpoints of the caller's API keys."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response, status

from app.db.dependencies import Reads, UnitOfWorkDep
from app.errors import InsufficientScope, NotFound, SessionRequired
from app.features.api_keys import crud as api_keys
from app.features.api_keys.dependencies import NewApiKeyDep, OwnApiKey, permit_scopes
from app.features.api_keys.models import ApiKey, ApiKeyRow, TooManyApiKeys
from app.features.api_keys.schemas import ApiKeyCreated, ApiKeyRead
from app.features.api_keys.settings import ApiKeySettings
from app.features.users.scopes import permit_management
from app.http.pagination import Pagination, paginated
from app.http.problem_details import responses
from app.http.schemas import Page
from app.http.unit_of_work import UnitOfWorkRoute
from app.resources import resources_of
from app.security.authentication import SessionPrincipal

router = APIRouter(prefix="/auth/api-keys", tags=["auth"], route_class=UnitOfWorkRoute)
ApiKeyPagination = Annotated[Pagination, Depends(paginated(api_keys.LISTING))]


@router.get("", response_model=Page[ApiKeyRead], responses=responses(SessionRequired))
async def list_api_keys(
    reads: Reads, principal: SessionPrincipal, pagination: ApiKeyPagination
) -> Response:
    """List your API keys."""
    page = await api_keys.list_page(reads, pagination.page, user_id=principal.id)
    return pagination.respond(page, ApiKeyRow)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    responses=responses(SessionRequired, InsufficientScope, TooManyApiKeys),
)
async def create_api_key(
    new: NewApiKeyDep, uow: UnitOfWorkDep, principal: SessionPrincipal, request: Request
) -> ApiKeyCreated:
    """Create an API key with scopes that you have; the key is shown in this response only.

    Without `expires_at` it lives for the default lifetime. It ends with your account and, unless
    you decide otherwise, when you change the password or sign out everywhere.
    """
    row, key = await api_keys.create(
        uow,
        new.data,
        user_id=principal.id,
        expires_at=new.expires_at,
        limit=resources_of(request)[ApiKeySettings].api_keys_per_user,
    )
    return shown(row, key)


@router.delete(
    "/{api_key_id}",
    status_code=204,
    response_class=Response,
    responses=responses(SessionRequired, NotFound),
)
async def revoke_api_key(row: OwnApiKey, uow: UnitOfWorkDep, principal: SessionPrincipal) -> None:
    """End an API key; needs `users:write` if your role has it, or the scopes of the key."""
    if not principal.scopes.issuperset(row.scopes):
        permit_management(principal)
    await api_keys.revoke(uow, row)


@router.post(
    "/{api_key_id}/rotate", responses=responses(SessionRequired, NotFound, InsufficientScope)
)
async def rotate_api_key(
    row: OwnApiKey, uow: UnitOfWorkDep, principal: SessionPrincipal
) -> ApiKeyCreated:
    """Replace the key by a new one, shown in this response only; the old one ends at once.

    Scopes and expiry stay.
    """
    permit_scopes(principal, row.scopes)
    return shown(row, await api_keys.rotate(uow, row))


def shown(row: ApiKey, key: str) -> ApiKeyCreated:
    return ApiKeyCreated(**ApiKeyRead.model_validate(row).model_dump(), key=key)
