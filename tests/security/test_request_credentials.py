"""The credential of a request, over real sockets and all authenticated protocols."""

import json
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app.features.users.models.user import User
from benchmarks.harness.servers import serving
from tests.conftest import access_token
from tests.credential_ways import REST, Way, sent
from tests.fragments import fragments

WAYS = {
    "rest": REST,
    **{
        way: each for _, module in fragments("credential_ways") for way, each in module.WAYS.items()
    },
}
FOREIGN_CHARACTERS = (b"\xc3\xa9", b"\xff", b" x", b",x", b'"', b"=x")
TICKETED = [way for way in WAYS.values() if way.takes_ticket]
of_every_way = pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))


@pytest.fixture
async def port(app: FastAPI) -> AsyncIterator[int]:
    async with serving(app) as port:
        yield port


@pytest.fixture
async def token(app: FastAPI, user: User) -> bytes:
    return (await access_token(app, user)).encode()


class TestOneCredential:
    @of_every_way
    async def test_blanks_around_a_token_are_no_part_of_it(
        self, port: int, token: bytes, way: Way
    ) -> None:
        for line in (
            b"Authorization: Bearer %s",
            b"Authorization: Bearer    %s",
            b"Authorization: Bearer %s \t ",
            b"Authorization:   bEARER %s",
        ):
            assert (await sent(port, way, line % token))[0] == way.success, line


class TestSeveralCredentials:
    @of_every_way
    async def test_two_credentials_are_an_invalid_request(
        self, port: int, token: bytes, way: Way
    ) -> None:
        bearer, api_key = b"Authorization: Bearer %s" % token, b"X-API-Key: rk_any_key"
        for lines in (
            (bearer, api_key),
            (api_key, bearer),
            (bearer, bearer),
            (api_key, api_key),
            (api_key, b"Authorization: Basic dXNlcjpwYXNzd29yZA=="),
            (bearer, b"Authorization:"),
        ):
            status, challenge, body = await sent(port, way, *lines)

            assert (status, challenge) == (400, 'Bearer error="invalid_request"'), lines
            assert json.loads(body)["code"] == "invalid_request"

    @pytest.mark.parametrize("way", TICKETED)
    async def test_header_and_url_credentials_are_an_invalid_request(
        self, port: int, token: bytes, way: Way
    ) -> None:
        line = b"Authorization: Bearer %s" % token
        for query in ("?ticket=a", "?ticket=", "?access_token=a"):
            status, challenge, _ = await sent(port, way, line, query=query)

            assert (status, challenge) == (400, 'Bearer error="invalid_request"'), query

    @pytest.mark.parametrize("way", TICKETED)
    @pytest.mark.parametrize("query", ["?ticket=a&ticket=b", "?ticket=a&token=b", "?token=&token="])
    async def test_two_in_the_url_are_an_invalid_request(
        self, port: int, way: Way, query: str
    ) -> None:
        assert (await sent(port, way, query=query))[0] == 400

    async def test_several_credentials_count_against_the_address(self, client: AsyncClient) -> None:
        keys = [("X-API-Key", "a"), ("X-API-Key", "b")]

        rejected = await client.get("/api/v1/users/me", headers=keys)

        assert rejected.status_code == 400
        assert "ratelimit" in rejected.headers


class TestNoCredential:
    @of_every_way
    async def test_other_schemes_and_places_are_unauthenticated(
        self, port: int, token: bytes, way: Way
    ) -> None:
        for line in (
            b"Authorization:",
            b"Authorization: Bearer",
            b"Authorization: Bearer   ",
            b"Authorization: Basic dXNlcjpwYXNzd29yZA==",
            b'Authorization: Digest username="a", realm="b"',
            b"Authorization: %s",
            b"Authorization: Token %s",
            b"Authorization: Bearer\t%s",
            b"X-API-Key:",
            b"X-API-Key: %s",
            b"Proxy-Authorization: Bearer %s",
            b"Cookie: access_token=%s; Authorization=Bearer %s",
            b"Sec-WebSocket-Protocol: bearer, %s",
        ):
            status, challenge, _ = await sent(port, way, line.replace(b"%s", token))

            assert status == 401, line
            assert challenge.startswith("Bearer")

    async def test_foreign_characters_are_an_invalid_token(self, port: int, token: bytes) -> None:
        for tail in FOREIGN_CHARACTERS:
            line = b"Authorization: Bearer %s" % token + tail
            status, challenge, _ = await sent(port, REST, line)

            assert (status, challenge) == (401, 'Bearer error="invalid_token"'), tail

    @of_every_way
    async def test_token_in_the_url_is_rejected(self, port: int, token: bytes, way: Way) -> None:
        for name in ("access_token", "api%5Fkey", "token", "authorization"):
            assert (await sent(port, way, query=f"?{name}={token.decode()}"))[0] == 401, name
