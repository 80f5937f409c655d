"""API keys, as endpoints ask for them."""

import uuid
from collections.abc import Iterable
from typing import Annotated

from fastapi import Depends

from app.core.errors import InsufficientScope
from app.core.identity import Principal
from app.crud import api_keys
from app.dependencies.auth import SignedIn
from app.dependencies.database import SessionDep
from app.models.api_key import ApiKey


async def get_own_api_key(
    api_key_id: uuid.UUID, session: SessionDep, principal: SignedIn
) -> ApiKey:
    return await api_keys.get_for_change(session, api_key_id, user_id=principal.id)


def permit_scopes(principal: Principal, scopes: Iterable[str]) -> None:
    """Let nobody come by a key that may do more than the credential that asks for it.

    Raises:
        InsufficientScope: the caller lacks one of the scopes.
    """
    missing = set(scopes) - principal.scopes
    if missing:
        raise InsufficientScope(f"You have no scope {', '.join(sorted(missing))} to pass on.")


OwnApiKey = Annotated[ApiKey, Depends(get_own_api_key)]
