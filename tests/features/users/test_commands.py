"""Accounts from the command line."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from pydantic import SecretStr
from sqlalchemy import delete, select

from app.config.settings import ConfigError, Settings
from app.db.engine import unit_of_work
from app.features.users import commands
from app.features.users.commands import create_admin
from app.features.users.models.user import User
from app.security.principals import Role
from tests.features.conftest import sign_in

PASSWORD = "sound and long enough"


def stored(database_url: str) -> list[User]:
    """The accounts, taken away again."""

    async def take() -> list[User]:
        async with unit_of_work(Settings(_env_file=None, database_url=database_url)) as uow:
            users = (await uow.session.scalars(select(User))).all()
            await uow.session.execute(delete(User))
        return list(users)

    return asyncio.run(take())


@pytest.fixture
def production(database_url: str) -> Settings:
    return Settings(
        _env_file=None,
        environment="production",
        database_url=database_url,
        secret_key=SecretStr("1f83d9abfb41bd6b5be0cd19137e2179a54ff53a5f1d36f1510e527fade682d1"),
        public_url="https://api.example.com",
    )


class TestCreateAdmin:
    def test_account_is_an_administrator(self, production: Settings, database_url: str) -> None:
        create_admin(production, email="boss@example.com", username="boss", password=PASSWORD)

        (user,) = stored(database_url)
        assert (user.username, user.role, user.email_verified) == ("boss", Role.ADMIN, True)

    def test_taken_name_is_reported(self, production: Settings, database_url: str) -> None:
        create_admin(production, email="boss@example.com", username="boss", password=PASSWORD)

        with pytest.raises(ConfigError, match="Username taken"):
            create_admin(production, email="b@example.com", username="Boss", password=PASSWORD)

        assert len(stored(database_url)) == 1

    @pytest.mark.parametrize(
        ("email", "password", "sentence"),
        [
            ("boss", PASSWORD, "email"),
            ("boss@example.com", "short", "password"),
            ("boss@example.com", "aaaaaaaaaaaaaa", "harder to guess"),
        ],
    )
    def test_bad_input_is_named(
        self, production: Settings, email: str, password: str, sentence: str
    ) -> None:
        with pytest.raises(ConfigError, match=sentence):
            create_admin(production, email=email, username="boss", password=password)


Run = Callable[..., Awaitable[str]]


@pytest.fixture
def run(app: FastAPI, settings: Settings, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command as a terminal would, beside the service, and return what it prints."""

    async def run_command(command: Callable[..., None], *given: Any, **named: Any) -> str:
        await asyncio.to_thread(command, settings, *given, **named)
        return capsys.readouterr().out

    return run_command


class TestList:
    async def test_programs_read_json(self, run: Run, user: User, admin: User) -> None:
        found = json.loads(await run(commands.show, "user", as_json=True))

        assert [(each["id"], each["role"]) for each in found] == [(str(user.id), "user")]
        assert found[0]["is_active"] is True

    async def test_newest_is_first(self, run: Run, user: User, admin: User) -> None:
        header, *lines = (await run(commands.show, None)).splitlines()

        newest_first = sorted([user, admin], key=lambda each: each.created_at, reverse=True)
        assert header.startswith("id\tusername\temail\trole\t")
        assert [line.split("\t")[0] for line in lines] == [str(each.id) for each in newest_first]


class TestCreate:
    async def test_account_can_sign_in(self, run: Run, client: AsyncClient) -> None:
        given = {"email": "ada@example.com", "username": "ada", "role": "guest"}

        await run(commands.create, password=PASSWORD, **given)

        assert (await sign_in(client, "ada", PASSWORD)).status_code == 200


class TestChanges:
    async def test_disabling_ends_open_sessions(
        self, run: Run, client: AsyncClient, user: User
    ) -> None:
        pair = (await sign_in(client, user.username)).json()

        await run(commands.administer, user.email, is_active=False)

        refresh = {"refresh_token": pair["refresh_token"]}
        assert (await client.post("/api/v1/auth/refresh", json=refresh)).status_code == 401
        assert (await sign_in(client, user.username)).status_code == 401

    async def test_role_is_changed(self, run: Run, user: User) -> None:
        await run(commands.administer, user.username, role="guest")

        (found,) = json.loads(await run(commands.show, "guest", as_json=True))
        assert found["id"] == str(user.id)

    async def test_last_administrator_keeps_the_role(self, run: Run, admin: User) -> None:
        with pytest.raises(ConfigError, match="Last administrator"):
            await run(commands.administer, admin.username, role="user")

    async def test_unknown_account_is_named(self, run: Run) -> None:
        with pytest.raises(ConfigError, match=r"no such user: unknown\. `app users list`"):
            await run(commands.administer, "unknown", is_active=False)


class TestResetPassword:
    async def test_only_the_new_password_signs_in(
        self, run: Run, client: AsyncClient, user: User
    ) -> None:
        await run(commands.reset_password, user.username, "a quite different passphrase")

        assert (await sign_in(client, user.username)).status_code == 401
        changed = await sign_in(client, user.username, "a quite different passphrase")
        assert changed.status_code == 200

    async def test_weak_password_is_rejected(self, run: Run, user: User) -> None:
        with pytest.raises(ConfigError, match="password"):
            await run(commands.reset_password, user.username, "short")
