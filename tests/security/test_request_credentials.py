"""The one credential of a request, over real sockets and every authenticated way in."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app.features.api_keys import crud as api_keys
from app.features.api_keys.schemas import ApiKeyCreate
from app.features.users.models.user import User
from app.runtime.clock import now
from app.security.principals import ROLE_SCOPES
from tests.conftest import access_token
from tests.servers import connected, serving
from tests.state import units_of_work

HANDSHAKE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
QUERY = json.dumps({"query": "{ me { id } }"}).encode()
JSON_BODY = b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(QUERY)


@dataclass(frozen=True)
class Way:
    """One way in: what is sent around the credential, and the status with a good one."""

    target: str
    lines: bytes = b""
    method: str = "GET"
    body: bytes = b""
    success: int = 200


REST = Way("/api/v1/users/me")
STREAM = Way("/api/v1/events")
WAYS = {
    "rest": REST,
    "graphql": Way("/graphql", JSON_BODY, "POST", QUERY),
    "graphql handshake": Way("/graphql", HANDSHAKE, success=101),
    "event stream": STREAM,
    "room handshake": Way("/api/v1/ws/lobby", HANDSHAKE, success=101),
    "ticket": Way("/api/v1/auth/ws-ticket", b"Content-Length: 0\r\n", "POST"),
    "upload": Way("/api/v1/files", b"Content-Length: 0\r\n", "POST", success=415),
}
of_every_way = pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))


@pytest.fixture
async def port(app: FastAPI) -> AsyncIterator[int]:
    async with serving(app) as port:
        yield port


@pytest.fixture
async def token(app: FastAPI, user: User) -> bytes:
    return (await access_token(app, user)).encode()


@pytest.fixture
async def key(app: FastAPI, user: User) -> bytes:
    data = ApiKeyCreate(name="tests", scopes=sorted(ROLE_SCOPES[user.role]))
    async with units_of_work(app).begin() as uow:
        _, key = await api_keys.create(
            uow, data, user_id=user.id, expires_at=now() + timedelta(days=1), limit=10
        )
    return key.encode()


async def sent(port: int, way: Way, *lines: bytes, query: str = "") -> tuple[int, str, bytes]:
    """Status, challenge and body of the response."""
    start = f"{way.method} {way.target}{query} HTTP/1.1\r\nHost: service\r\n".encode()
    fields = b"".join(line + b"\r\n" for line in lines)
    async with connected(port) as connection:
        await connection.send(start + way.lines + fields + b"\r\n" + way.body)
        status, headers, body = await connection.answer()
    return status, headers.get("www-authenticate", ""), body


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

    async def test_blanks_around_an_api_key_are_no_part_of_it(self, port: int, key: bytes) -> None:
        for line in (
            b"X-API-Key: %s",
            b"X-API-Key:    %s",
            b"x-api-key: %s \t",
            b"Authorization: Bearer %s",
            b"Authorization: bearer   %s ",
        ):
            assert (await sent(port, REST, line % key))[0] == 200, line


class TestSeveralCredentials:
    @of_every_way
    async def test_two_credentials_are_an_invalid_request(
        self, port: int, token: bytes, key: bytes, way: Way
    ) -> None:
        bearer, api_key = b"Authorization: Bearer %s" % token, b"X-API-Key: %s" % key
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

    @pytest.mark.parametrize("way", [STREAM, WAYS["graphql handshake"], WAYS["room handshake"]])
    async def test_header_beside_the_url_is_an_invalid_request(
        self, port: int, token: bytes, way: Way
    ) -> None:
        line = b"Authorization: Bearer %s" % token
        for query in ("?ticket=a", "?ticket=", "?access_token=a"):
            status, challenge, _ = await sent(port, way, line, query=query)

            assert (status, challenge) == (400, 'Bearer error="invalid_request"'), query

    @pytest.mark.parametrize("query", ["?ticket=a&ticket=b", "?ticket=a&token=b", "?token=&token="])
    async def test_two_in_the_url_are_an_invalid_request(self, port: int, query: str) -> None:
        assert (await sent(port, STREAM, query=query))[0] == 400

    async def test_they_count_against_the_address(self, client: AsyncClient) -> None:
        keys = [("X-API-Key", "a"), ("X-API-Key", "b")]

        refused = await client.get("/api/v1/users/me", headers=keys)

        assert refused.status_code == 400
        assert "ratelimit" in refused.headers


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

    async def test_foreign_characters_are_an_invalid_token(
        self, port: int, token: bytes, key: bytes
    ) -> None:
        for tail in (b"\xc3\xa9", b"\xff", b" x", b",x", b'"', b"=x"):
            for line in (b"Authorization: Bearer %s" % token, b"X-API-Key: %s" % key):
                status, challenge, _ = await sent(port, REST, line + tail)

                assert (status, challenge) == (401, 'Bearer error="invalid_token"'), tail

    async def test_access_token_is_no_api_key_even_while_it_is_cached(
        self, port: int, token: bytes
    ) -> None:
        assert (await sent(port, REST, b"Authorization: Bearer %s" % token))[0] == 200

        assert (await sent(port, REST, b"X-API-Key: %s" % token))[0] == 401

    @of_every_way
    async def test_token_in_the_url_is_refused(self, port: int, token: bytes, way: Way) -> None:
        for name in ("access_token", "api%5Fkey", "token", "authorization"):
            assert (await sent(port, way, query=f"?{name}={token.decode()}"))[0] == 401, name
