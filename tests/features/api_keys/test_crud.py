"""Deletion of API keys that are no longer usable."""

from datetime import datetime, timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from app.features.api_keys import crud
from app.features.api_keys.models import ApiKey
from app.features.users.models.user import User
from app.runtime.clock import now
from tests.conftest import Save
from tests.state import units_of_work

LONG_AGO = now() - crud.RETENTION - timedelta(hours=1)
RECENTLY = now() - crud.RETENTION + timedelta(hours=1)
LATER = now() + timedelta(days=1)


class TestDeleteOld:
    @pytest.mark.parametrize(
        ("expires_at", "revoked_at", "is_kept"),
        [
            (None, None, True),
            (LATER, None, True),
            (LATER, RECENTLY, True),
            (RECENTLY, None, True),
            (LONG_AGO, None, False),
            (LATER, LONG_AGO, False),
            (None, LONG_AGO, False),
        ],
    )
    async def test_deletes_what_ended_long_ago(
        self, app: FastAPI, user: User, save: Save,
        expires_at: datetime | None, revoked_at: datetime | None, is_kept: bool,
    ) -> None:  # fmt: skip
        secret = {"prefix": "0123456789ab", "secret_hash": b"x" * 32}
        ends = {"expires_at": expires_at, "revoked_at": revoked_at}
        await save(ApiKey(user_id=user.id, name="key", scopes=[], **secret, **ends))

        async with units_of_work(app).begin() as uow:
            await crud.delete_old(uow)
            kept = await uow.session.scalar(select(ApiKey.name))

        assert (kept == "key") is is_kept
