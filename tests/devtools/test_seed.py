"""Demo data of a fresh development database."""

import asyncio

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app.config.known_secrets import DEMO_PASSWORD
from app.config.settings import Settings
from app.devtools.development import is_prepared, prepare
from app.devtools.seed import ITEMS, USERS, seed_when_empty
from app.features.users.models.user import User
from tests.conftest import As


async def sign_in(client: AsyncClient, name: str) -> dict[str, str]:
    form = {"username": name, "password": DEMO_PASSWORD}
    response = await client.post("/api/v1/auth/token", data=form)
    assert response.status_code == 200, response.text
    return {"Authorization": f"Bearer {response.json()['access_token']}"}


class TestSeed:
    @pytest.mark.parametrize("name", USERS)
    async def test_every_demo_user_can_sign_in(
        self, client: AsyncClient, settings: Settings, name: str
    ) -> None:
        await seed_when_empty(settings)

        headers = await sign_in(client, f"{name}@example.com")
        profile = (await client.get("/api/v1/users/me", headers=headers)).json()

        assert (profile["username"], profile["role"]) == (name, name)
        assert profile["email_verified"]

    async def test_demo_data_is_created(self, client: AsyncClient, settings: Settings) -> None:
        await seed_when_empty(settings)

        headers = await sign_in(client, "guest")
        items = (await client.get("/api/v1/items", headers=headers)).json()["items"]

        assert {item["name"] for item in items} == {item.name for item in ITEMS.values()}

    async def test_second_seed_changes_nothing(
        self, client: AsyncClient, settings: Settings
    ) -> None:
        assert await seed_when_empty(settings) is True
        assert await seed_when_empty(settings) is False

    async def test_does_not_seed_a_used_database(
        self, as_user: As, settings: Settings, user: User
    ) -> None:
        assert await seed_when_empty(settings) is False

        client = await as_user(user)
        assert (await client.get("/api/v1/items")).json()["items"] == []

    async def test_slow_database_is_waited_for(
        self, client: AsyncClient, settings: Settings
    ) -> None:
        assert not await is_prepared(settings.database_url)
        moment = {"connect_timeout_seconds": 1e-6, "command_timeout_seconds": 1e-6}
        given = {f"database_{name}": seconds for name, seconds in moment.items()}

        await asyncio.to_thread(prepare, settings.model_copy(update=given))

        assert await sign_in(client, "guest")
        assert await is_prepared(settings.database_url)

    async def test_unreachable_database_is_not_prepared(self) -> None:
        assert not await is_prepared("postgresql://app@127.0.0.1:1/nowhere")

    async def test_concurrent_seeds_create_the_data_once(
        self, app: FastAPI, settings: Settings
    ) -> None:
        outcomes = await asyncio.gather(*(seed_when_empty(settings) for _ in range(3)))

        assert sorted(outcomes) == [False, False, True]
