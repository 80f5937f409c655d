"""People."""

import uuid
from typing import Any

from fastapi import APIRouter, Request, Response, status

from app.api.errors import responses
from app.api.resources import resource
from app.api.unit_of_work import UnitOfWorkRoute
from app.core.errors import NotFound, NotPermitted, PreconditionFailed
from app.crud import items, posts, sessions, users
from app.dependencies.auth import (
    Administrator,
    ItemReader,
    PostReader,
    ProfileReader,
    ProfileWriter,
)
from app.dependencies.credentials import Passwords, ProvenChangeDep, refuse_weak
from app.dependencies.database import Reads, ReplicaReads, SessionDep
from app.dependencies.guessing import TooManyAttempts
from app.dependencies.items import ItemPagination
from app.dependencies.posts import PostPagination
from app.dependencies.users import AnyAccount, OwnAccount, UserFilters, UserPagination
from app.models.user import EmailTaken, LastAdmin, UsernameTaken
from app.schemas.base import Page
from app.schemas.item import ItemRead
from app.schemas.post import PostRead
from app.schemas.user import ProfileUpdate, UserAdminRead, UserCreate, UserRead, UserUpdate

router = APIRouter(prefix="/users", tags=["users"], route_class=UnitOfWorkRoute)
CHANGES = responses(NotFound, PreconditionFailed, LastAdmin)


@router.get("/me", response_model=UserRead, responses=responses(NotFound))
async def read_profile(reads: Reads, principal: ProfileReader, request: Request) -> Response:
    """Read your own profile."""
    return account(request, UserRead, await users.get(reads, principal.id))


@router.patch(
    "/me",
    response_model=UserRead,
    responses=responses(NotFound, EmailTaken, UsernameTaken, PreconditionFailed),
)
async def update_profile(
    data: ProfileUpdate, user: OwnAccount, session: SessionDep, request: Request
) -> Response:
    """Change the fields of your profile that you send; the others stay."""
    return account(request, UserRead, await users.update(session, user, data))


@router.delete("/me", status_code=204, response_class=Response, responses=CHANGES)
async def delete_profile(user: OwnAccount, session: SessionDep) -> None:
    """Delete your account and end its sessions."""
    await users.delete(session, user)
    await sessions.end_all(session, user.id)


@router.put(
    "/me/password",
    status_code=204,
    response_class=Response,
    responses=responses(NotFound, TooManyAttempts, PreconditionFailed),
)
async def change_password(
    change: ProvenChangeDep, user: OwnAccount, session: SessionDep, principal: ProfileWriter
) -> None:
    """Change your password; ends your other sessions."""
    if user.version != change.version:
        raise PreconditionFailed("The account changed while the password was being checked.")
    await users.set_password(session, user, change.password_hash)
    await sessions.end_all(session, user.id, besides=principal.session_id)


@router.get("/me/items", response_model=Page[ItemRead])
async def list_own_items(
    reads: ReplicaReads, principal: ItemReader, pagination: ItemPagination
) -> Response:
    """List your items."""
    page = await items.list_page(reads, pagination.page, {"owner_id": principal.id})
    return pagination.answer(page)


@router.get("/me/posts", response_model=Page[PostRead])
async def list_own_posts(
    reads: ReplicaReads, principal: PostReader, pagination: PostPagination
) -> Response:
    """List your posts, drafts among them."""
    filters = {"author_id": principal.id}
    page = await posts.list_page(reads, pagination.page, filters, viewer=principal)
    return pagination.answer(page)


@router.get("", response_model=Page[UserRead])
async def list_users(
    reads: Reads, _: Administrator, filters: UserFilters, pagination: UserPagination
) -> Response:
    """List the accounts."""
    return pagination.answer(await users.list_page(reads, pagination.page, filters))


@router.post(
    "",
    response_model=UserRead,
    status_code=status.HTTP_201_CREATED,
    responses=responses(EmailTaken, UsernameTaken),
)
async def create_user(
    data: UserCreate, session: SessionDep, _: Administrator, passwords: Passwords, request: Request
) -> Response:
    """Open an account for somebody."""
    password = data.password.get_secret_value()
    refuse_weak(password, email=data.email, username=data.username, field="password")
    user = await users.create(
        session, data, password_hash=await passwords.hash(password), role=data.role
    )
    return account(request, UserRead, user, status=201, location=f"{request.url.path}/{user.id}")


@router.get("/{user_id}", response_model=UserAdminRead | UserRead, responses=responses(NotFound))
async def read_user(
    user_id: uuid.UUID, reads: Reads, principal: ProfileReader, request: Request
) -> Response:
    """Read an account: your own or, as an administrator, anybody's and more of it."""
    if principal.is_admin:
        return account(request, UserAdminRead, await users.get_as_admin(reads, user_id))
    if user_id != principal.id:
        raise NotPermitted("Only administrators read the accounts of others.")
    return account(request, UserRead, await users.get(reads, user_id))


@router.patch("/{user_id}", response_model=UserRead, responses=CHANGES)
async def update_user(
    data: UserUpdate,
    user: AnyAccount,
    session: SessionDep,
    principal: Administrator,
    request: Request,
) -> Response:
    """Change role or activity of an account; ends its sessions."""
    refuse_own_account(principal.id, user.id)
    if await users.administer(session, user, data):
        await sessions.end_all(session, user.id)
    return account(request, UserRead, user)


@router.delete("/{user_id}", status_code=204, response_class=Response, responses=CHANGES)
async def delete_user(user: AnyAccount, session: SessionDep) -> None:
    """Delete an account and end its sessions."""
    await users.delete(session, user)
    await sessions.end_all(session, user.id)


def account(request: Request, schema: type[UserRead], row: Any, **how: Any) -> Response:
    """One address shows each caller something else: caches must not mix them up."""
    response = resource(request, schema, row, **how)
    response.headers.add_vary_header("Authorization, X-API-Key")
    return response


def refuse_own_account(principal_id: uuid.UUID, user_id: uuid.UUID) -> None:
    if principal_id == user_id:
        raise NotPermitted("Nobody changes the own role or activity.")
