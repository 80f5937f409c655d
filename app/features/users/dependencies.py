"""Dependencies of the user endpoints."""

import uuid
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from pydantic import Field

from app.db.dependencies import UnitOfWorkDep
from app.db.listing import Filters
from app.errors import Unprocessable, Violation
from app.features.users.crud import users
from app.features.users.lifespan import UserResources
from app.features.users.models.user import User
from app.features.users.passwords import PasswordHasher, password_problem
from app.features.users.schemas import EXAMPLE_ID, OTHER_EXAMPLE_ID
from app.features.users.scopes import ProfileWriter
from app.http.pagination import Pagination, paginated
from app.http.precondition_dependency import PreconditionDep
from app.http.schemas import LINE, Storable
from app.resources import resources_of
from app.security.authentication import Administrator
from app.security.principals import Principal, Role

UserId = Annotated[uuid.UUID, Path(description="Id of the account.", examples=[EXAMPLE_ID])]
OtherUserId = Annotated[
    uuid.UUID, Path(description="Id of another account.", examples=[OTHER_EXAMPLE_ID])
]
UserSearchText = Annotated[Storable, Field(min_length=1, max_length=50), LINE]


async def get_own_account(
    uow: UnitOfWorkDep, principal: ProfileWriter, precondition: PreconditionDep
) -> User:
    user = await users.get_for_change(uow, principal.id)
    precondition.check(user)
    return user


async def get_other_account(
    user_id: OtherUserId, uow: UnitOfWorkDep, _: Administrator, precondition: PreconditionDep
) -> User:
    user = await users.get_for_change(uow, user_id)
    precondition.check(user)
    return user


async def get_user_filters(
    role: Annotated[Role | None, Query(description="With this role.")] = None,
    is_active: Annotated[
        bool | None, Query(description="Accounts that can be used, or disabled ones.")
    ] = None,
    q: Annotated[UserSearchText | None, Query(description="Part of e-mail or username.")] = None,
) -> Filters:
    return {"role": role, "is_active": is_active, "q": q}


OwnAccount = Annotated[User, Depends(get_own_account)]
AnyAccount = Annotated[User, Depends(get_other_account)]
UserFilters = Annotated[Filters, Depends(get_user_filters)]
UserPagination = Annotated[Pagination, Depends(paginated(users.LISTING))]


async def get_passwords(request: Request) -> PasswordHasher:
    return resources_of(request)[UserResources].passwords


def reject_weak(password: str, *, email: str, username: str, field: str) -> None:
    """Check a new password against the list of common ones and the account's own names.

    Raises:
        Unprocessable: it is too easy to guess.
    """
    problem = password_problem(password, email=email, username=username)
    if problem:
        violation = Violation(f"/body/{field}", problem.message, problem.code)
        raise Unprocessable(violations=[violation])


Passwords = Annotated[PasswordHasher, Depends(get_passwords)]


def permit_role(principal: Principal, role: Role | None) -> None:
    """Check that the caller may assign the role.

    Otherwise an API key could create an account with its permissions that outlives the key.

    Raises:
        SessionRequired: the caller assigns the role of administrator with an API key.
    """
    if role is Role.ADMIN:
        principal.require_session()
