"""Operations that accept API keys, and those that reject them."""

from datetime import timedelta

from fastapi import FastAPI
from httpx2 import AsyncClient

from app.features.api_keys import crud as api_keys
from app.features.api_keys.schemas import ApiKeyCreate
from app.features.users.models.user import User
from app.runtime.clock import now
from app.security.principals import Role
from tests.authorization import SESSION_ONLY, protected
from tests.conftest import Save
from tests.factories import make_user
from tests.problems import assert_problem
from tests.scenes import Scene
from tests.scopes import SCOPES
from tests.state import units_of_work
from tests.valid_requests import call


class TestApiKey:
    async def test_api_key_manages_no_credentials(
        self, app: FastAPI, save: Save, client: AsyncClient
    ) -> None:
        await save(make_user(role=Role.ADMIN))
        for operation in protected(app):
            owner = await save(make_user(role=Role.ADMIN))
            client.headers["Authorization"] = f"Bearer {await key_of(app, owner)}"

            response = await call(operation, Scene(app, owner), client)

            if operation.name in SESSION_ONLY:
                assert_problem(response, 403, "session_required")
            else:
                assert "session_required" not in response.text, operation.name

    def test_documentation_names_keys_only_where_they_are_accepted(
        self, shared_app: FastAPI
    ) -> None:
        documented = [each for each in protected(shared_app) if each.documented]
        rejected = {
            each.name for each in documented if {"ApiKey": []} not in each.documented["security"]
        }

        assert rejected == SESSION_ONLY


async def key_of(app: FastAPI, owner: User) -> str:
    """A key with all scopes."""
    data = ApiKeyCreate(name="import", scopes=list(SCOPES))
    async with units_of_work(app).begin() as uow:
        expires_at = now() + timedelta(days=1)
        _, key = await api_keys.create(uow, data, user_id=owner.id, expires_at=expires_at, limit=10)
    return key
