"""Idempotency-Key: a key is stored encrypted, and is another caller than its user."""

from datetime import timedelta

from fastapi import FastAPI
from sqlalchemy import select

from app.features.api_keys import crud as api_keys
from app.features.api_keys.schemas import ApiKeyCreate
from app.features.idempotency.models import IdempotencyKey
from app.features.users.models.user import User
from app.runtime.clock import now
from app.security.resources import SecurityResources
from tests.conftest import As, new_client
from tests.factories import item_body
from tests.features.idempotency.test_replay import ITEMS, keyed
from tests.scopes import PERMISSIONS
from tests.state import resources_of, units_of_work


class TestReplay:
    async def test_secret_in_a_response_is_encrypted_in_the_database(
        self, app: FastAPI, as_user: As, user: User
    ) -> None:
        body = {"name": "key", "scopes": ["items:read"]}

        made = await (await as_user(user)).post("/api/v1/auth/api-keys", json=body, headers=keyed())

        async with units_of_work(app).begin() as uow:
            stored = (await uow.session.scalars(select(IdempotencyKey))).one()
        assert made.json()["key"].encode() not in stored.body
        assert made.json()["key"].encode() in resources_of(app)[
            SecurityResources
        ].encryptor.decrypt(stored.body)

    async def test_key_and_session_of_one_user_are_different_callers(
        self, app: FastAPI, user: User, as_user: As
    ) -> None:
        data = ApiKeyCreate(name="tests", scopes=sorted(PERMISSIONS.of(user.role)))
        async with units_of_work(app).begin() as uow:
            _, key = await api_keys.create(
                uow, data, user_id=user.id, expires_at=now() + timedelta(days=1), limit=10
            )
        headers = keyed()
        first = await (await as_user(user)).post(ITEMS, json=item_body(), headers=headers)

        async with new_client(app, **{"X-API-Key": key}) as program:
            second = await program.post(ITEMS, json=item_body(), headers=headers)
            third = await program.post(ITEMS, json=item_body(), headers=headers)

        assert second.json()["id"] != first.json()["id"]
        assert third.content == second.content
