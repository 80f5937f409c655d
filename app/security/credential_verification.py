"""Credential verification: from a request credential to the principal it belongs to."""

import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

from fastapi.requests import HTTPConnection
from starlette.datastructures import State

from app.config.settings import Settings
from app.db.executor import Row
from app.db.session import transaction
from app.errors import InvalidToken
from app.features.api_keys import crud as api_keys
from app.features.users.crud import sessions
from app.observability.request_context import act_as
from app.security.principal_cache import PrincipalCache
from app.security.principals import Principal
from app.security.request_credentials import Credential, CredentialKind, read_credential

Verified = tuple[Principal, float]


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
    principal = Principal.granted(
        row["user_id"],
        row["role"],
        claims.scopes,
        email_verified=row["email_verified"],
        session_id=row["session_id"],
        expires_at=claims.expires_at,
    )
    return principal, principal.expires_at


async def verify_key(state: State, key: str) -> Verified:
    row = await api_keys.find_principal(state.reads, key)
    expires_at = key_expiry(row, state.settings) if row else 0.0
    if row is None or expires_at <= time.time():
        raise InvalidToken("The API key is unknown, expired or revoked.")
    async with transaction(state.sessionmaker) as session:
        await api_keys.note_use(session, row["api_key_id"])
    principal = Principal.granted(
        row["user_id"],
        row["role"],
        frozenset(row["scopes"]),
        email_verified=row["email_verified"],
        api_key_id=row["api_key_id"],
        expires_at=expires_at,
    )
    return principal, expires_at


def key_expiry(row: Row, settings: Settings) -> float:
    """When the key ends (Unix seconds): as it says, and at the latest after the longest lifetime.

    The setting also bounds keys that were made before it was lowered, or before it existed.
    """
    longest: datetime = row["created_at"] + timedelta(days=settings.api_key_max_days)
    return min(longest, row["expires_at"] or longest).timestamp()


VERIFIERS: dict[CredentialKind, Callable[[State, str], Awaitable[Verified]]] = {
    CredentialKind.ACCESS_TOKEN: verify_token,
    CredentialKind.API_KEY: verify_key,
}
