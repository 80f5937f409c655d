"""The one credential of a request, where it is an API key, over real sockets."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from fastapi import FastAPI

from app.features.api_keys import crud as api_keys
from app.features.api_keys.schemas import ApiKeyCreate
from app.features.users.models.user import User
from app.runtime.clock import now
from benchmarks.harness.servers import serving
from tests.conftest import access_token
from tests.credential_ways import REST, sent
from tests.scopes import PERMISSIONS
from tests.security.test_request_credentials import FOREIGN_CHARACTERS
from tests.state import units_of_work


@pytest.fixture
async def port(app: FastAPI) -> AsyncIterator[int]:
    async with serving(app) as port:
        yield port


@pytest.fixture
async def key(app: FastAPI, user: User) -> bytes:
    data = ApiKeyCreate(name="tests", scopes=sorted(PERMISSIONS.of(user.role)))
    async with units_of_work(app).begin() as uow:
        _, key = await api_keys.create(
            uow, data, user_id=user.id, expires_at=now() + timedelta(days=1), limit=10
        )
    return key.encode()


class TestApiKey:
    async def test_blanks_around_an_api_key_are_no_part_of_it(self, port: int, key: bytes) -> None:
        for line in (
            b"X-API-Key: %s",
            b"X-API-Key:    %s",
            b"x-api-key: %s \t",
            b"Authorization: Bearer %s",
            b"Authorization: bearer   %s ",
        ):
            assert (await sent(port, REST, line % key))[0] == 200, line

    async def test_foreign_characters_are_an_invalid_token(self, port: int, key: bytes) -> None:
        for tail in FOREIGN_CHARACTERS:
            status, challenge, _ = await sent(port, REST, b"X-API-Key: %s" % key + tail)

            assert (status, challenge) == (401, 'Bearer error="invalid_token"'), tail

    async def test_access_token_is_no_api_key_even_while_it_is_cached(
        self, app: FastAPI, user: User, port: int
    ) -> None:
        token = (await access_token(app, user)).encode()
        assert (await sent(port, REST, b"Authorization: Bearer %s" % token))[0] == 200

        assert (await sent(port, REST, b"X-API-Key: %s" % token))[0] == 401
