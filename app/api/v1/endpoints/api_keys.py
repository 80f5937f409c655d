"""Your API keys."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response, status

from app.api.errors import responses
from app.api.unit_of_work import UnitOfWorkRoute
from app.core.errors import InsufficientScope, NotFound
from app.crud import api_keys
from app.dependencies.api_keys import OwnApiKey, permit_scopes
from app.dependencies.auth import SignedIn
from app.dependencies.database import Reads, SessionDep
from app.dependencies.pagination import Pagination, paginated
from app.models.api_key import ApiKey
from app.schemas.api_key import ApiKeyCreate, ApiKeyCreated, ApiKeyRead
from app.schemas.base import Page

router = APIRouter(prefix="/auth/api-keys", tags=["auth"], route_class=UnitOfWorkRoute)
ApiKeyPagination = Annotated[
    Pagination, Depends(paginated(api_keys.LISTING.sorts, api_keys.LISTING.default_sort))
]


@router.get("", response_model=Page[ApiKeyRead])
async def list_api_keys(
    reads: Reads, principal: SignedIn, pagination: ApiKeyPagination
) -> Response:
    """List your API keys."""
    return pagination.answer(await api_keys.list_page(reads, pagination.page, user_id=principal.id))


@router.post("", status_code=status.HTTP_201_CREATED, responses=responses(InsufficientScope))
async def create_api_key(
    data: ApiKeyCreate, session: SessionDep, principal: SignedIn
) -> ApiKeyCreated:
    """Make an API key with scopes that you have; the key is shown in this answer only."""
    permit_scopes(principal, data.scopes)
    return shown(*await api_keys.create(session, data, user_id=principal.id))


@router.delete(
    "/{api_key_id}", status_code=204, response_class=Response, responses=responses(NotFound)
)
async def revoke_api_key(row: OwnApiKey, session: SessionDep) -> None:
    """End an API key."""
    await api_keys.revoke(session, row)


@router.post("/{api_key_id}/rotate", responses=responses(NotFound, InsufficientScope))
async def rotate_api_key(row: OwnApiKey, session: SessionDep, principal: SignedIn) -> ApiKeyCreated:
    """Replace the key by a new one, shown in this answer only; the old one ends at once."""
    permit_scopes(principal, row.scopes)
    return shown(row, await api_keys.rotate(session, row))


def shown(row: ApiKey, key: str) -> ApiKeyCreated:
    return ApiKeyCreated(**ApiKeyRead.model_validate(row).model_dump(), key=key)
