"""Authenticator of API keys."""

import time
from datetime import datetime, timedelta

from app.db.executor import Row
from app.db.resources import DatabaseResources
from app.db.session import transaction
from app.errors import InvalidToken
from app.features.api_keys import crud
from app.features.api_keys.settings import ApiKeySettings
from app.resources import Resources
from app.security.authenticators import Verified
from app.security.principals import Credential, CredentialKind, Principal


async def verify_api_key(opened: Resources, key: str) -> Verified:
    """Return the principal of an API key and the key's expiry time; record the use.

    Raises:
        InvalidToken: it is unknown, expired or revoked.
    """
    database = opened[DatabaseResources]
    row = await crud.find_principal(database.reads, key)
    expires_at = key_expiry(row, opened[ApiKeySettings]) if row else 0.0
    if row is None or expires_at <= time.time():
        raise InvalidToken("The API key is unknown, expired or revoked.")
    async with transaction(database.sessions) as session:
        await crud.record_use(session, row["api_key_id"])
    principal = Principal.granted(
        row["user_id"],
        row["role"],
        frozenset(row["scopes"]),
        email_verified=row["email_verified"],
        credential=Credential(CredentialKind.API_KEY, row["api_key_id"]),
        expires_at=expires_at,
    )
    return principal, expires_at


def key_expiry(row: Row, settings: ApiKeySettings) -> float:
    """Return when the key expires (Unix seconds), at most the maximum lifetime after creation.

    The setting also applies to keys that were created before it was lowered or introduced.
    """
    longest: datetime = row["created_at"] + timedelta(days=settings.api_key_max_days)
    return min(longest, row["expires_at"] or longest).timestamp()
