"""The first administrator."""

import asyncio

import pytest
from pydantic import SecretStr
from sqlalchemy import delete, select

from app.config.settings import ConfigError, Settings
from app.db.engine import unit_of_work
from app.features.users.commands import create_admin
from app.features.users.models.user import User
from app.security.principals import Role

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

    def test_taken_name_is_said(self, production: Settings, database_url: str) -> None:
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
