"""Authentication and authorization dependencies; features require their scopes with them."""

import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, cast

from fastapi import Security
from fastapi.openapi.models import OAuth2, OAuthFlowPassword, OAuthFlows
from fastapi.requests import HTTPConnection
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase

from app.errors import EmailNotVerified, NotPermitted, TooManyRequests, Unauthenticated
from app.network.client_address import client_network
from app.resources import resources_of
from app.security.credential_verification import authenticate
from app.security.principals import ADMIN, Principal
from app.security.rate_limit import Windows
from app.security.request_credentials import AmbiguousCredentials
from app.security.resources import RequestRateLimit

Authenticate = Callable[[HTTPConnection], Awaitable[Principal]]

# The body of a request may arrive over minutes. A credential that was verified earlier than this
# is verified again, so that its revocation takes effect within the promised five seconds.
FRESH_SECONDS = 1.0


class Authentication(SecurityBase):
    """Authentication and authorization in one dependency: each costs the hot path 30 to 60 us.

    `session_only` rejects API keys: only sessions manage credentials. `before_verification`
    accepts accounts with an unconfirmed e-mail address, with all scopes of their role; without
    it they have only the scopes that take effect before the confirmation.
    """

    scheme_name = "OAuth2"

    def __init__(
        self,
        token_url: str,
        authenticate: Authenticate,
        *,
        query_parameters: frozenset[str] = frozenset(),
        session_only: bool = False,
        before_verification: bool = False,
    ) -> None:
        self.authenticate = authenticate
        self.query_parameters = query_parameters  # For app/http/query_parameters.py.
        self._session_only = session_only
        self._before_verification = before_verification
        # The OpenAPI document adds the scopes, when all features have declared theirs.
        password = OAuthFlowPassword(tokenUrl=token_url, refreshUrl=token_url)
        self.model = OAuth2(
            flows=OAuthFlows(password=password),
            description="Sign in with e-mail or username and password.",
        )

    async def __call__(self, connection: HTTPConnection, wanted: SecurityScopes) -> Principal:
        """Return the principal if it has the scopes of the endpoint.

        Raises:
            InsufficientScope: a scope is missing.
            SessionRequired: the credential is an API key, and the endpoint requires a session.
            EmailNotVerified: the e-mail address has to be confirmed first.
            Unauthenticated: or another error of `authenticate_counted`.
        """
        principal = await self.identify(connection)
        self._check(principal, wanted.scopes)
        # See app/http/query_parameters.py.
        if error := connection.scope["state"].get("query_error"):
            raise error
        return principal

    async def identify(self, connection: HTTPConnection) -> Principal:
        """Return the principal; authenticate and count the request once, unless its body is slow.

        Raises like `authenticate_counted`.
        """
        if time.monotonic() < connection.scope.get("principal_is_fresh_until", 0.0):
            return cast("Principal", connection.scope["principal"])
        return await authenticate_counted(connection, self.authenticate)

    def _check(self, principal: Principal, scopes: list[str]) -> None:
        if self._session_only:
            principal.require_session()
        holder = principal.once_verified() if self._before_verification else principal
        holder.require(*scopes)
        if not scopes and not holder.email_verified:
            raise EmailNotVerified("Confirm your e-mail address first.")


async def authenticate_counted(connection: HTTPConnection, authenticate: Authenticate) -> Principal:
    """Authenticate, and count the request per principal, or per address if that fails.

    Raises:
        AmbiguousCredentials: there is more than one credential.
        Unauthenticated: there is no credential, or an invalid one.
        TooManyRequests: the quota is used up.
    """
    try:
        principal = await authenticate(connection)
    except (AmbiguousCredentials, Unauthenticated):
        await count_address(connection)
        raise
    connection.scope["state"]["principal_id"] = principal.id
    await count(connection, str(principal.id))
    connection.scope["principal"] = principal  # For app/db/dependencies.py.
    connection.scope["principal_is_fresh_until"] = time.monotonic() + FRESH_SECONDS
    return principal


async def charge(connection: HTTPConnection, principal: Principal, units: int) -> None:
    """Count an expensive request as `units` additional requests.

    Raises:
        TooManyRequests: the quota is used up.
    """
    if units:
        await count(connection, str(principal.id), units)


async def count(connection: HTTPConnection, key: str, units: int = 1) -> None:
    """Count `units` requests in the rate limit window, if there is a limit, and add its headers.

    Raises:
        TooManyRequests: the quota is exhausted.
    """
    windows: Windows | None = resources_of(connection)[RequestRateLimit].windows
    if windows is None:
        return
    verdict = await windows.count(key, units)
    # RequestContextMiddleware adds them to every response; the last count replaces earlier ones.
    headers = connection.scope["extra_headers"]
    headers[:] = [each for each in headers if not each[0].startswith(b"ratelimit")]
    headers.extend(verdict.headers(windows.policy))
    if verdict.is_rejected:
        raise TooManyRequests(retry_after_seconds=verdict.reset_seconds)


async def count_address(connection: HTTPConnection) -> None:
    """Count a request of an anonymous client by its network.

    Raises:
        TooManyRequests: the quota of the network is used up.
    """
    await count(connection, f"address:{client_network(client_address(connection))}")


def client_address(connection: HTTPConnection) -> str:
    """Return the canonical address of the client, also behind trusted proxies."""
    return connection.client.host if connection.client else "unknown"


# Relative to the page of the documentation, so that it works behind any path prefix.
TOKEN_URL = "api/v1/auth/token"
authentication = Authentication(TOKEN_URL, authenticate)
session_authentication = Authentication(TOKEN_URL, authenticate, session_only=True)
early_authentication = Authentication(TOKEN_URL, authenticate, before_verification=True)
account_authentication = Authentication(
    TOKEN_URL, authenticate, session_only=True, before_verification=True
)

CurrentPrincipal = Annotated[Principal, Security(authentication)]
# Manages API keys and sessions.
SessionPrincipal = Annotated[Principal, Security(session_authentication)]
# Changes of the own account before its e-mail address is confirmed; rejects API keys.
UnconfirmedPrincipal = Annotated[Principal, Security(account_authentication)]
# GraphQL: each field requires its own scope.
FieldPrincipal = Annotated[Principal, Security(early_authentication)]
Administrator = Annotated[Principal, Security(authentication, scopes=[ADMIN])]


def permit_change(principal: Principal, owner_id: Any) -> None:
    """Check that the caller is the owner or an administrator.

    Raises:
        NotPermitted: the caller is neither.
    """
    if not principal.may_change(owner_id):
        raise NotPermitted("Only the owner or an administrator may change this.")
