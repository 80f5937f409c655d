"""GraphQL over a WebSocket: authentication, limits and the protocol."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from app.features.graphql import channel
from app.features.users.models.user import User
from benchmarks.harness.servers import serving
from tests.conftest import Running, access_token
from tests.features.graphql.follower import follower
from tests.sockets import handshake


@pytest.fixture
async def port(app: FastAPI) -> AsyncIterator[int]:
    async with serving(app) as port:
        yield port


class TestSubscribe:
    async def test_without_a_credential_is_rejected_unless_the_protocol_has_one(
        self, port: int
    ) -> None:
        status, _, body = await handshake(port, "/graphql")

        assert (status, body["code"]) == (401, "unauthenticated")

    async def test_page_of_another_origin_is_rejected(
        self, app: FastAPI, port: int, user: User
    ) -> None:
        token = await access_token(app, user)
        headers = {"Authorization": f"Bearer {token}", "Origin": "https://evil.example"}

        status, _, body = await handshake(port, "/graphql", headers)

        assert (status, body["code"]) == (403, "foreign_origin")

    async def test_each_counts_like_a_request(self, running: Running, user: User) -> None:
        limit = {"rate_limit_enabled": True, "rate_limit_default": "3/minute"}
        async with running(**limit) as app, serving(app) as port, follower(app, port, user) as one:
            await one.begin()
            for number in range(3):
                await one.subscribe("subscription { nothing }", name=str(number))
            codes = [(await one.receive())["payload"][0]["extensions"]["code"] for _ in range(3)]

        assert codes == ["invalid_query", "invalid_query", "rate_limited"]

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("{ me { id } }", "invalid_query"),
            ("subscription { nothing }", "invalid_query"),
            ("subscription {", "invalid_query"),
            ("fragment a on Item { id }", "invalid_query"),
            ("subscription a {itemEvents{id}} subscription b {itemEvents{id}}", "invalid_query"),
            (f"subscription {{ {'a ' * 1001} }}", "query_too_complex"),
        ],
    )
    async def test_other_operations_are_rejected(
        self, app: FastAPI, port: int, user: User, query: str, code: str
    ) -> None:
        async with follower(app, port, user) as following:
            await following.begin()
            await following.subscribe(query)

            rejected = await following.receive()

        assert (rejected["type"], rejected["id"]) == ("error", "1")
        assert rejected["payload"][0]["extensions"]["code"] == code


class TestProtocol:
    async def test_subprotocol_is_required(self, app: FastAPI, port: int, user: User) -> None:
        async with follower(app, port, user, protocol="graphql-ws") as following:
            assert await following.close_code() == 4406

    async def test_subscribe_before_init_is_rejected(
        self, app: FastAPI, port: int, user: User
    ) -> None:
        async with follower(app, port, user) as following:
            await following.subscribe("subscription { nothing }")

            assert await following.close_code() == 4401

    async def test_silent_connection_is_closed(
        self, app: FastAPI, port: int, user: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(channel, "INIT_SECONDS", 0.05)

        async with follower(app, port, user) as following:
            assert await following.close_code() == 4408

    @pytest.mark.parametrize(
        ("frame", "code"),
        [
            ("{", 4400),
            ('{"type": "start"}', 4400),
            ('{"type": "connection_init"}', 4429),
        ],
    )
    async def test_invalid_messages_close_the_connection(
        self, app: FastAPI, port: int, user: User, frame: str, code: int
    ) -> None:
        async with follower(app, port, user) as following:
            await following.begin()

            await following.connection.send(frame)

            assert await following.close_code() == code

    async def test_frames_of_any_content_are_limited(self, running: Running, user: User) -> None:
        async with (
            running(room_messages_limit="3/minute") as app,
            serving(app) as port,
            follower(app, port, user) as following,
        ):
            await following.begin()
            for _ in range(4):
                await following.send(type="ping")

            assert await following.close_code() == 4429
