"""Endpoints of user accounts and profiles."""

import uuid
from typing import Any

from fastapi import APIRouter, Request, Response, status

from app.db.dependencies import Reads, UnitOfWorkDep
from app.errors import NotFound, NotPermitted, PreconditionFailed
from app.features.users.crud import credentials, users
from app.features.users.dependencies import (
    AnyAccount,
    OwnAccount,
    Passwords,
    UserFilters,
    UserId,
    UserPagination,
    permit_role,
    reject_weak,
)
from app.features.users.models.user import EmailTaken, LastAdmin, UsernameTaken
from app.features.users.schemas import (
    ProfileUpdate,
    UserAdminRead,
    UserCreate,
    UserRead,
    UserUpdate,
)
from app.features.users.scopes import ProfileReader
from app.features.users.signals import RevocationReason
from app.http.etag_response import etag_response
from app.http.problem_details import responses
from app.http.schemas import Page
from app.http.unit_of_work import UnitOfWorkRoute
from app.security.authentication import Administrator

router = APIRouter(prefix="/users", tags=["users"], route_class=UnitOfWorkRoute)
CHANGES = responses(NotFound, PreconditionFailed, LastAdmin)


@router.get("/me", response_model=UserRead, responses=responses(NotFound))
async def read_profile(reads: Reads, principal: ProfileReader, request: Request) -> Response:
    """Read your own profile."""
    return account(request, UserRead, await users.get(reads, principal.id))


@router.patch(
    "/me",
    response_model=UserRead,
    responses=responses(NotFound, UsernameTaken, PreconditionFailed),
)
async def update_profile(
    data: ProfileUpdate, user: OwnAccount, uow: UnitOfWorkDep, request: Request
) -> Response:
    """Change fields of your profile; those that you do not send stay."""
    return account(request, UserRead, await users.update(uow, user, data))


@router.get("", response_model=Page[UserRead])
async def list_users(
    reads: Reads, _: Administrator, filters: UserFilters, pagination: UserPagination
) -> Response:
    """List the accounts."""
    return pagination.respond(await users.list_page(reads, pagination.page, filters))


@router.post(
    "",
    response_model=UserRead,
    status_code=status.HTTP_201_CREATED,
    responses=responses(EmailTaken, UsernameTaken),
)
async def create_user(
    data: UserCreate,
    uow: UnitOfWorkDep,
    principal: Administrator,
    passwords: Passwords,
    request: Request,
) -> Response:
    """Create an account for another user; its e-mail address counts as confirmed.

    An administrator is made with a session only, not with an API key.
    """
    permit_role(principal, data.role)
    password = data.password.get_secret_value()
    reject_weak(password, email=data.email, username=data.username, field="password")
    user = await users.create(
        uow,
        data,
        password_hash=await passwords.hash(password),
        role=data.role,
        email_verified=True,
    )
    return account(request, UserRead, user, location=f"{request.url.path}/{user.id}")


@router.get("/{user_id}", response_model=UserAdminRead | UserRead, responses=responses(NotFound))
async def read_user(
    user_id: UserId, reads: Reads, principal: ProfileReader, request: Request
) -> Response:
    """Read an account: your own or, as an administrator, any account with more fields."""
    if principal.is_admin:
        return account(request, UserAdminRead, await users.get_as_admin(reads, user_id))
    if user_id != principal.id:
        raise NotPermitted("Only administrators read the accounts of others.")
    return account(request, UserRead, await users.get(reads, user_id))


@router.patch("/{user_id}", response_model=UserRead, responses=CHANGES)
async def update_user(
    data: UserUpdate,
    user: AnyAccount,
    uow: UnitOfWorkDep,
    principal: Administrator,
    request: Request,
) -> Response:
    """Change role or activity of an account.

    A change of role ends its sessions, and API keys and webhooks beyond the new role; disabling
    ends everything that gives access. An administrator is made with a session only.
    """
    reject_own_account(principal.id, user.id)
    permit_role(principal, data.model_dump().get("role"))
    if await users.administer(uow, user, data):
        await credentials.end_for_change(uow, user)
    return account(request, UserRead, user)


@router.delete("/{user_id}", status_code=204, response_class=Response, responses=CHANGES)
async def delete_user(user: AnyAccount, uow: UnitOfWorkDep, principal: Administrator) -> None:
    """Delete the account of another user and everything that gives access to it.

    Your own takes a session and the current password: `DELETE /users/me`.
    """
    if principal.id == user.id:
        raise NotPermitted("Delete your own account at /users/me, with the current password.")
    await users.delete(uow, user)
    await credentials.revoke_all(uow, user.id, RevocationReason.ACCOUNT_DELETED)


def account(request: Request, schema: type[UserRead], row: Any, *, location: str = "") -> Response:
    """Return an account with `Vary`: the same URL shows each caller other fields."""
    response = etag_response(request, schema, row, location=location)
    response.headers.add_vary_header("Authorization, X-API-Key")
    return response


def reject_own_account(principal_id: uuid.UUID, user_id: uuid.UUID) -> None:
    """Check that an administrator changes another account.

    Raises:
        NotPermitted: both ids are the same.
    """
    if principal_id == user_id:
        raise NotPermitted("You cannot change your own role or disable your own account.")
