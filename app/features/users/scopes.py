"""Scopes of users, and the dependencies that require them."""

from typing import Annotated

from fastapi import Security

from app.feature import load_features
from app.security.authentication import account_authentication, authentication
from app.security.permissions import EVERY_ROLE, USERS, Scope
from app.security.principals import Principal

USERS_READ = Scope("users:read", "Read your own profile.", EVERY_ROLE, before_verification=True)
USERS_WRITE = Scope("users:write", "Change your own profile.", USERS)

ProfileReader = Annotated[Principal, Security(authentication, scopes=[USERS_READ.name])]
ProfileWriter = Annotated[Principal, Security(authentication, scopes=[USERS_WRITE.name])]
# Changes of the own account before its e-mail address is confirmed; rejects API keys.
AccountOwner = Annotated[Principal, Security(account_authentication, scopes=[USERS_WRITE.name])]


def permit_management(principal: Principal) -> None:
    """Check that a session may end other sessions and API keys of its account.

    A client that signed in with fewer scopes than the role has needs those of the account.

    Raises:
        InsufficientScope: it lacks one of them.
    """
    of_role = load_features().permissions.of(principal.role)
    of_account = {USERS_READ.name, USERS_WRITE.name} & of_role
    principal.once_verified().require(*sorted(of_account))
