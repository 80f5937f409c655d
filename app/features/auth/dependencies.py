"""Dependencies of the sign-in endpoints: passwords, tokens and the client."""

import uuid
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from pydantic import SecretStr

from app.db.dependencies import Reads
from app.db.executor import PoolReader
from app.errors import Unprocessable, Violation
from app.features.auth.errors import InvalidCredentials
from app.features.auth.login_throttle import LoginThrottle
from app.features.auth.oauth_form import PasswordGrant
from app.features.auth.resources import AuthResources
from app.features.auth.token_issuer import TokenIssuer
from app.features.auth.user_agents import printable_header
from app.features.users.canonical_login import canonical_login
from app.features.users.crud import logins
from app.features.users.dependencies import Passwords, reject_weak
from app.features.users.models.user import CredentialRow
from app.features.users.passwords import MAX_TYPED_LENGTH, PasswordHasher
from app.features.users.schemas import PasswordChange
from app.features.users.scopes import AccountOwner
from app.observability.request_context import bind_actor
from app.resources import resources_of
from app.runtime.text import UNSTORABLE
from app.security.authentication import client_address
from app.security.principals import Principal

MAX_LOGIN = 320
MAX_USER_AGENT = 255
WRONG_PASSWORD = Violation(
    "/body/current_password", "This is not your current password", "wrong_password"
)


@dataclass(frozen=True, slots=True)
class Client:
    """Origin of a request."""

    address: str
    user_agent: str


async def get_client(request: Request) -> Client:
    user_agent = dict(request.scope["headers"]).get(b"user-agent", b"")
    return Client(client_address(request), printable_header(user_agent, MAX_USER_AGENT))


async def get_token_issuer(request: Request) -> TokenIssuer:
    return resources_of(request)[AuthResources].token_issuer


async def get_login_throttle(request: Request) -> LoginThrottle:
    return resources_of(request)[AuthResources].login_throttle


LoginThrottleDep = Annotated[LoginThrottle, Depends(get_login_throttle)]
Tokens = Annotated[TokenIssuer, Depends(get_token_issuer)]
ClientDep = Annotated[Client, Depends(get_client)]


@dataclass(frozen=True, slots=True)
class ProvenChange:
    """A new password's hash, and the version of the account that it may be set on."""

    version: int
    password_hash: str
    revoke_api_keys: bool


async def verified_login(
    form: PasswordGrant,
    reads: PoolReader,
    passwords: PasswordHasher,
    limits: LoginThrottle,
    client: Client,
) -> CredentialRow:
    """Return the account whose name and password were sent.

    No database connection is held while the password is being hashed.

    Raises:
        InvalidCredentials: the user is unknown or disabled, or the password is wrong.
        TooManyAttempts: the account or the address has used up its attempts.
    """
    reject_impossible_login(form)
    login = await logins.find_login(reads, form.username)
    account = str(login["id"]) if login else canonical_login(form.username)
    async with limits.password_attempt(account, client.address):
        is_right = await passwords.verify(form.password, login["password_hash"] if login else None)
        if login is None or not is_right or not login["is_active"]:
            raise InvalidCredentials("The user name or the password is wrong.")
    bind_actor(login["id"])
    return login


async def recheck_login(
    account: CredentialRow | None, login: CredentialRow, password: str, passwords: PasswordHasher
) -> CredentialRow:
    """Return the current row of the account that `login` was read from before hashing.

    Raises:
        InvalidCredentials: its password was changed meanwhile, or it may not sign in any more.
    """
    if account is None or (
        account["version"] != login["version"]
        and not await passwords.verify(password, account["password_hash"])
    ):
        raise InvalidCredentials("The user name or the password is wrong.")
    return account


@dataclass(frozen=True, slots=True)
class PasswordCheck:
    """Checks the current password of the caller, before the account is locked.

    All its uses share one counter, separate from that of sign-ins: failed sign-ins by others
    must not block a change by the owner.
    """

    principal: Principal
    reads: PoolReader
    passwords: PasswordHasher
    limits: LoginThrottle
    client: Client

    async def __call__(self, current: SecretStr, new: SecretStr | None = None) -> CredentialRow:
        """Verify the passwords, and return the account.

        Raises:
            Unprocessable: the current password is wrong, or the new one is too weak.
            TooManyAttempts: too many wrong passwords were sent.
        """
        user = await logins.get_secret(self.reads, self.principal.id)
        if new:
            reject_weak(
                new.get_secret_value(),
                email=user["email"],
                username=user["username"],
                field="new_password",
            )
        account = password_check_key(self.principal.id)
        async with self.limits.password_attempt(account, self.client.address):
            is_right = await self.passwords.verify(
                current.get_secret_value(), user["password_hash"]
            )
            if not is_right:
                raise Unprocessable(violations=[WRONG_PASSWORD])
        return user


def password_check_key(user_id: uuid.UUID) -> str:
    """Return the throttle key of wrong current passwords."""
    return f"change:{user_id}"


async def get_password_check(
    principal: AccountOwner,
    reads: Reads,
    passwords: Passwords,
    limits: LoginThrottleDep,
    client: ClientDep,
) -> PasswordCheck:
    return PasswordCheck(principal, reads, passwords, limits, client)


PasswordCheckDep = Annotated[PasswordCheck, Depends(get_password_check)]


async def get_proven_change(
    data: PasswordChange, check: PasswordCheckDep, passwords: Passwords
) -> ProvenChange:
    """Check the current password and hash the new one."""
    user = await check(data.current_password, data.new_password)
    password_hash = await passwords.hash(data.new_password.get_secret_value())
    return ProvenChange(user["version"], password_hash, data.revoke_api_keys)


def reject_impossible_login(form: PasswordGrant) -> None:
    """Reject values that no account can have; in a query they would raise an error.

    Raises:
        InvalidCredentials: no account can have this login or password.
    """
    is_possible = len(form.username) <= MAX_LOGIN and len(form.password) <= MAX_TYPED_LENGTH
    if not is_possible or UNSTORABLE.search(form.username + form.password):
        raise InvalidCredentials("The user name or the password is wrong.")


ProvenChangeDep = Annotated[ProvenChange, Depends(get_proven_change)]
