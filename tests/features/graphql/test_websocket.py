"""Subscriptions: what happens to items, over a WebSocket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from app.features.events.lifespan import EventResources
from app.features.graphql import websocket as socket
from app.features.users.models.user import User
from tests.conftest import As, Running, access_token
from tests.factories import item_body
from tests.polling import eventually
from tests.servers import PATIENCE_SECONDS, serving
from tests.sockets import handshake
from tests.state import opened

QUERY = "subscription { itemEvents { type item { name owner { username } } } }"


class Follower:
    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            message: dict[str, Any] = json.loads(await self.connection.recv())
        return message

    async def begin(self) -> None:
        await self.send(type="connection_init")
        assert await self.receive() == {"type": "connection_ack"}

    async def subscribe(self, query: str = QUERY, name: str = "1") -> None:
        await self.send(type="subscribe", id=name, payload={"query": query})

    async def close_code(self) -> int | None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.connection.wait_closed()
        return self.connection.close_code


@pytest.fixture
async def port(app: FastAPI) -> AsyncIterator[int]:
    async with serving(app) as port:
        yield port


@asynccontextmanager
async def follower(
    app: FastAPI, port: int, user: User, *, protocol: str = socket.PROTOCOL
) -> AsyncIterator[Follower]:
    headers = {"Authorization": f"Bearer {await access_token(app, user)}"}
    async with connect(
        f"ws://127.0.0.1:{port}/graphql",
        additional_headers=headers,
        subprotocols=[Subprotocol(protocol)],
        proxy=None,
        open_timeout=PATIENCE_SECONDS,
    ) as connection:
        yield Follower(connection)


async def is_following(app: FastAPI) -> None:
    """Until the feed serves somebody: what is created from then on is told."""
    await eventually(lambda: opened(app)[EventResources].feed.position is not None)


class TestFollow:
    async def test_without_a_token_is_refused(self, port: int) -> None:
        status, _, body = await handshake(port, "/graphql")

        assert (status, body["code"]) == (401, "unauthenticated")

    async def test_foreign_page_is_refused(self, app: FastAPI, port: int, user: User) -> None:
        token = await access_token(app, user)
        headers = {"Authorization": f"Bearer {token}", "Origin": "https://evil.example"}

        status, _, body = await handshake(port, "/graphql", headers)

        assert (status, body["code"]) == (403, "foreign_origin")

    async def test_tells_of_items(self, app: FastAPI, port: int, user: User, as_user: As) -> None:
        async with follower(app, port, user) as following:
            await following.begin()
            await following.subscribe()
            await is_following(app)

            await (await as_user(user)).post("/api/v1/items", json=item_body())

            told = await following.receive()
        event = {"name": "Walnut desk", "owner": {"username": user.username}}
        assert told["payload"] == {"data": {"itemEvents": {"type": "item.created", "item": event}}}

    async def test_ends_when_the_client_says_so(self, app: FastAPI, port: int, user: User) -> None:
        async with follower(app, port, user) as following:
            await following.begin()
            await following.subscribe()
            await is_following(app)

            await following.send(type="complete", id="1")
            await following.send(type="ping")

            assert await following.receive() == {"type": "pong"}
            await eventually(lambda: opened(app)[EventResources].feed.position is None)

    async def test_end_that_it_did_not_ask_for_is_an_error(
        self, running: Running, user: User
    ) -> None:
        async with running() as app, serving(app) as port, follower(app, port, user) as following:
            await following.begin()
            await following.subscribe()
            await is_following(app)

            opened(app)[EventResources].feed.drain()

            told = (await following.receive())["payload"]
        assert told["errors"][0]["extensions"]["code"] == "unavailable"
        assert "shutting down" in told["errors"][0]["message"]

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
    async def test_other_operations_are_refused(
        self, app: FastAPI, port: int, user: User, query: str, code: str
    ) -> None:
        async with follower(app, port, user) as following:
            await following.begin()
            await following.subscribe(query)

            refused = await following.receive()

        assert (refused["type"], refused["id"]) == ("error", "1")
        assert refused["payload"][0]["extensions"]["code"] == code


class TestProtocol:
    async def test_needs_its_name(self, app: FastAPI, port: int, user: User) -> None:
        async with follower(app, port, user, protocol="graphql-ws") as following:
            assert await following.close_code() == 4406

    async def test_subscribing_comes_second(self, app: FastAPI, port: int, user: User) -> None:
        async with follower(app, port, user) as following:
            await following.subscribe()

            assert await following.close_code() == 4401

    async def test_silence_is_ended(
        self, app: FastAPI, port: int, user: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(socket, "INIT_SECONDS", 0.05)

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
    async def test_odd_messages_end_it(
        self, app: FastAPI, port: int, user: User, frame: str, code: int
    ) -> None:
        async with follower(app, port, user) as following:
            await following.begin()

            await following.connection.send(frame)

            assert await following.close_code() == code

    async def test_operation_has_one_name(self, app: FastAPI, port: int, user: User) -> None:
        async with follower(app, port, user) as following:
            await following.begin()
            for _ in range(2):
                await following.subscribe()

            assert await following.close_code() == 4409

    async def test_operations_are_limited(self, app: FastAPI, port: int, user: User) -> None:
        async with follower(app, port, user) as following:
            await following.begin()
            for number in range(socket.MAX_OPERATIONS + 1):
                await following.subscribe(name=str(number))

            assert await following.close_code() == 4429

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
