"""Who is asking: the one declarative place that says which scope a kind of caller needs."""

import math
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from fastapi import Security
from fastapi.openapi.models import OAuth2, OAuthFlowPassword, OAuthFlows
from fastapi.requests import HTTPConnection
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from starlette.datastructures import State

from app.core.attribution import act_as
from app.core.client_address import client_network
from app.core.errors import InsufficientScope, InvalidToken, NotPermitted, Unauthenticated
from app.core.identity import SCOPE_DESCRIPTIONS, Principal, Scope, granted_scopes
from app.core.principal_cache import PrincipalCache
from app.core.rate_limit import LocalWindows, RateLimited
from app.crud import api_keys, sessions
from app.db.session import transaction
from app.dependencies.request_credentials import (
    AmbiguousCredentials,
    Credential,
    CredentialKind,
    read_credential,
)
from app.integrations.redis import RedisWindows

Verified = tuple[Principal, float]
Windows = LocalWindows | RedisWindows
Authenticate = Callable[[HTTPConnection], Awaitable[Principal]]


class Authentication(SecurityBase):
    """One dependency for the whole of it, because each costs the hot path 30 to 60 us."""

    scheme_name = "OAuth2"

    def __init__(
        self,
        token_url: str,
        authenticate: Authenticate,
        *,
        query_parameters: frozenset[str] = frozenset(),
    ) -> None:
        self.authenticate = authenticate
        self.query_parameters = query_parameters  # For app/api/query_parameters.py.
        scopes = {scope.value: text for scope, text in SCOPE_DESCRIPTIONS.items()}
        self.model = OAuth2(
            flows=OAuthFlows(password=OAuthFlowPassword(tokenUrl=token_url, scopes=scopes)),
            description="Sign in with e-mail or username and password.",
        )

    async def __call__(self, connection: HTTPConnection, wanted: SecurityScopes) -> Principal:
        # Known already where an Idempotency-Key was looked up, or where the request is retried.
        principal: Principal | None = connection.scope.get("principal")
        if principal is None:
            principal = await limited(connection, self.authenticate)
        for scope in wanted.scopes:
            if scope not in principal.scopes:
                raise InsufficientScope(f"This needs the scope {scope}.")
        # See app/api/query_parameters.py.
        if error := connection.scope["state"].get("query_error"):
            raise error
        return principal


async def limited(connection: HTTPConnection, authenticate: Authenticate) -> Principal:
    """Authenticate within the rate limit: per principal, else per address.

    Raises:
        RateLimited: the quota is used up.
    """
    windows: Windows | None = connection.app.state.rate_limit
    try:
        principal = await authenticate(connection)
    except (AmbiguousCredentials, Unauthenticated):
        await count_address(connection)
        raise
    connection.scope["state"]["principal_id"] = principal.id
    if windows:
        await count(connection, windows, str(principal.id))
    connection.scope["principal"] = principal  # For app/dependencies/database.py.
    return principal


async def count(connection: HTTPConnection, windows: Windows, key: str) -> None:
    verdict = await windows.count(key)
    # The envelope middleware puts them on whatever is answered.
    connection.scope["extra_headers"].extend(verdict.headers(windows.policy))
    if verdict.is_refused:
        raise RateLimited(retry_after_seconds=verdict.reset_seconds)


async def count_address(connection: HTTPConnection) -> None:
    """Count a request of an anonymous client.

    Raises:
        RateLimited: the quota of its address is used up.
    """
    windows: Windows | None = connection.app.state.rate_limit
    if windows:
        key = client_network(client_address(connection))
        await count(connection, windows, f"address:{key}")


def client_address(connection: HTTPConnection) -> str:
    """The address of the client in its one spelling, behind trusted proxies as well."""
    return connection.client.host if connection.client else "unknown"


async def authenticate(connection: HTTPConnection) -> Principal:
    """The caller behind the credential of the header fields.

    Raises:
        AmbiguousCredentials: there is more than one credential.
        Unauthenticated: there is no credential.
        InvalidToken: it is malformed, expired, revoked or of a disabled user.
    """
    return await principal_of(connection.app.state, read_credential(connection))


async def principal_of(state: State, credential: Credential) -> Principal:
    """The caller behind an access token or an API key.

    Raises:
        InvalidToken: it is malformed, expired, revoked or of a disabled user.
    """
    principals: PrincipalCache = state.principals
    verify = partial(VERIFIERS[credential.kind], state, credential.text)
    principal = await principals.resolve(credential.text, verify)
    act_as(principal.id)
    return principal


async def verify_token(state: State, token: str) -> Verified:
    claims = state.token_signer.read(token)
    row = await sessions.find_principal(state.reads, claims.session_id, user_id=claims.subject)
    if row is None:
        raise InvalidToken("The session has ended.")
    scopes = granted_scopes(row["role"], claims.scopes)
    principal = Principal(
        row["user_id"],
        row["role"],
        scopes,
        session_id=row["session_id"],
        expires_at=claims.expires_at,
    )
    return principal, principal.expires_at


async def verify_key(state: State, key: str) -> Verified:
    row = await api_keys.find_principal(state.reads, key)
    if row is None:
        raise InvalidToken("The API key is unknown, expired or revoked.")
    async with transaction(state.sessionmaker) as session:
        await api_keys.note_use(session, row["api_key_id"])
    scopes = granted_scopes(row["role"], frozenset(row["scopes"]))
    expires_at: datetime | None = row["expires_at"]
    principal = Principal(
        row["user_id"],
        row["role"],
        scopes,
        api_key_id=row["api_key_id"],
        expires_at=expires_at.timestamp() if expires_at else math.inf,
    )
    return principal, principal.expires_at


VERIFIERS: dict[CredentialKind, Callable[[State, str], Awaitable[Verified]]] = {
    CredentialKind.ACCESS_TOKEN: verify_token,
    CredentialKind.API_KEY: verify_key,
}

# Relative to the page of the documentation, so that it works behind any path prefix.
TOKEN_URL = "api/v1/auth/token"
authentication = Authentication(TOKEN_URL, authenticate)

SignedIn = Annotated[Principal, Security(authentication)]
ProfileReader = Annotated[Principal, Security(authentication, scopes=[Scope.USERS_READ])]
ProfileWriter = Annotated[Principal, Security(authentication, scopes=[Scope.USERS_WRITE])]
ItemReader = Annotated[Principal, Security(authentication, scopes=[Scope.ITEMS_READ])]
ItemWriter = Annotated[Principal, Security(authentication, scopes=[Scope.ITEMS_WRITE])]
PostReader = Annotated[Principal, Security(authentication, scopes=[Scope.POSTS_READ])]
PostWriter = Annotated[Principal, Security(authentication, scopes=[Scope.POSTS_WRITE])]
FileReader = Annotated[Principal, Security(authentication, scopes=[Scope.FILES_READ])]
FileWriter = Annotated[Principal, Security(authentication, scopes=[Scope.FILES_WRITE])]
WebhookManager = Annotated[Principal, Security(authentication, scopes=[Scope.WEBHOOKS_MANAGE])]
Administrator = Annotated[Principal, Security(authentication, scopes=[Scope.ADMIN])]


def permit_change(principal: Principal, owner_id: Any) -> None:
    """Let the owner and administrators through.

    Raises:
        NotPermitted: it belongs to somebody else.
    """
    if not principal.may_change(owner_id):
        raise NotPermitted("Only the owner or an administrator may change this.")
