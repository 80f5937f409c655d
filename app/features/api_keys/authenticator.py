"""Authenticator of API keys."""

import time
from datetime import timedelta

from app.db.resources import DatabaseResources
from app.errors import InvalidToken
from app.feature import load_features
from app.features.api_keys import crud
from app.features.api_keys.models import ApiKeyPrincipalRow
from app.features.api_keys.settings import ApiKeySettings
from app.resources import Resources
from app.security.authenticators import Verified
from app.security.principals import Credential, CredentialKind


async def verify_api_key(resources: Resources, key: str) -> Verified:
    """Return the principal of an API key and the key's expiry time; record the use.

    Raises:
        InvalidToken: it is unknown, expired or revoked.
    """
    database = resources[DatabaseResources]
    row = await crud.find_principal(database.reads, key)
    expires_at = key_expiry(row, resources[ApiKeySettings]) if row else 0.0
    if row is None or expires_at <= time.time():
        raise InvalidToken("The API key is unknown, expired or revoked.")
    async with database.units_of_work.begin() as uow:
        await crud.record_use(uow, row["api_key_id"])
    principal = load_features().permissions.principal(
        row["user_id"],
        row["role"],
        frozenset(row["scopes"]),
        email_verified=row["email_verified"],
        credential=Credential(CredentialKind.API_KEY, row["api_key_id"], row["prefix"]),
        expires_at=expires_at,
    )
    return principal, expires_at


def key_expiry(row: ApiKeyPrincipalRow, settings: ApiKeySettings) -> float:
    """Return when the key expires (Unix seconds), at most the maximum lifetime after creation.

    The setting also applies to keys that were created before it was lowered.
    """
    longest = row["created_at"] + timedelta(days=settings.api_key_max_days)
    return min(longest, row["expires_at"] or longest).timestamp()
