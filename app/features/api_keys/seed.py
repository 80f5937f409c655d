"""Seed data: an API key of the demo user, whose secret nobody knows."""

import uuid
from datetime import timedelta

from app.config.settings import Settings
from app.db.unit_of_work import UnitOfWork
from app.features.api_keys import crud as api_keys
from app.features.api_keys.models import ApiKey
from app.features.api_keys.schemas import EXAMPLE_ID
from app.features.api_keys.settings import ApiKeySettings
from app.runtime.clock import now
from app.security.principals import Principal


async def fill(uow: UnitOfWork, user: Principal, settings: Settings) -> None:
    lifetime = timedelta(days=settings.of(ApiKeySettings).api_key_max_days)
    row = ApiKey(
        id=uuid.UUID(EXAMPLE_ID),
        user_id=user.id,
        name="price list",
        scopes=["items:read"],
        expires_at=now() + lifetime,
    )
    uow.session.add(row)
    await api_keys.set_secret(uow, row)
