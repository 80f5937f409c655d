"""Dependencies of the API key endpoints."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Path, Request

from app.db.dependencies import UnitOfWorkDep
from app.errors import InsufficientScope, Unprocessable, Violation
from app.features.api_keys import crud as api_keys
from app.features.api_keys.models import ApiKey
from app.features.api_keys.schemas import EXAMPLE_ID, ApiKeyCreate
from app.features.api_keys.settings import ApiKeySettings
from app.features.users.crud import credentials
from app.resources import resources_of
from app.runtime.clock import now
from app.security.authentication import SessionPrincipal
from app.security.principals import Principal

ApiKeyId = Annotated[uuid.UUID, Path(description="Id of the API key.", examples=[EXAMPLE_ID])]


@dataclass(frozen=True, slots=True)
class NewApiKey:
    data: ApiKeyCreate
    expires_at: datetime


async def get_own_api_key(
    api_key_id: ApiKeyId, uow: UnitOfWorkDep, principal: SessionPrincipal
) -> ApiKey:
    await credentials.lock_live(uow, principal)
    return await api_keys.get_for_change(uow, api_key_id, user_id=principal.id)


async def get_new_api_key(
    data: ApiKeyCreate, uow: UnitOfWorkDep, principal: SessionPrincipal, request: Request
) -> NewApiKey:
    """Validate scopes and lifetime, and lock the account."""
    permit_scopes(principal, data.scopes)
    expires_at = expiry_within(resources_of(request)[ApiKeySettings], data.expires_at)
    await credentials.lock_live(uow, principal)
    return NewApiKey(data, expires_at)


def expiry_within(settings: ApiKeySettings, requested: datetime | None) -> datetime:
    """Return when a new key expires: as requested, else after the default lifetime.

    Raises:
        Unprocessable: the requested time exceeds the maximum lifetime.
    """
    longest = timedelta(days=settings.api_key_max_days)
    expires_at = requested or now() + min(timedelta(days=settings.api_key_default_days), longest)
    # A minute of tolerance: the client computed "in 365 days" before it sent the request.
    if expires_at > now() + longest + timedelta(minutes=1):
        message = f"A key lives for at most {settings.api_key_max_days} days"
        violation = Violation("/body/expires_at", message, "expires_too_late")
        raise Unprocessable(violations=[violation])
    return expires_at


def permit_scopes(principal: Principal, scopes: Iterable[str]) -> None:
    """Check that a key gets no scope that the caller's credential lacks.

    Raises:
        InsufficientScope: the caller lacks one of the scopes.
    """
    missing = set(scopes) - principal.scopes
    if missing:
        raise InsufficientScope(f"You have no scope {', '.join(sorted(missing))} to pass on.")


OwnApiKey = Annotated[ApiKey, Depends(get_own_api_key)]
NewApiKeyDep = Annotated[NewApiKey, Depends(get_new_api_key)]
