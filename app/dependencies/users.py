"""Users, as endpoints ask for them."""

import uuid
from typing import Annotated, Any

from fastapi import Depends, Query

from app.core.identity import Role
from app.crud import users
from app.dependencies.auth import Administrator, ProfileWriter
from app.dependencies.database import SessionDep
from app.dependencies.pagination import Pagination, paginated
from app.dependencies.preconditions import PreconditionDep
from app.models.user import User
from app.schemas.base import Text


async def get_own_account(
    session: SessionDep, principal: ProfileWriter, precondition: PreconditionDep
) -> User:
    user = await users.get_for_change(session, principal.id)
    precondition.check(user)
    return user


async def get_other_account(
    user_id: uuid.UUID, session: SessionDep, _: Administrator, precondition: PreconditionDep
) -> User:
    user = await users.get_for_change(session, user_id)
    precondition.check(user)
    return user


async def get_user_filters(
    role: Role | None = None,
    is_active: bool | None = None,
    q: Annotated[
        Text | None, Query(min_length=1, max_length=50, description="Part of e-mail or username.")
    ] = None,
) -> dict[str, Any]:
    return {"role": role, "is_active": is_active, "q": q}


OwnAccount = Annotated[User, Depends(get_own_account)]
AnyAccount = Annotated[User, Depends(get_other_account)]
UserFilters = Annotated[dict[str, Any], Depends(get_user_filters)]
UserPagination = Annotated[
    Pagination, Depends(paginated(users.LISTING.sorts, users.LISTING.default_sort))
]
