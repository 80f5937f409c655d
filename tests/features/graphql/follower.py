"""A client of GraphQL subscriptions over a WebSocket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from app.features.graphql.channel import PROTOCOL
from app.features.users.models.user import User
from benchmarks.harness.servers import PATIENCE_SECONDS
from tests.conftest import access_token


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

    async def subscribe(self, query: str, name: str = "1") -> None:
        await self.send(type="subscribe", id=name, payload={"query": query})

    async def close_code(self) -> int | None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.connection.wait_closed()
        return self.connection.close_code


@asynccontextmanager
async def follower(
    app: FastAPI, port: int, user: User, *, protocol: str = PROTOCOL
) -> AsyncIterator[Follower]:
    """A client with a credential in its handshake."""
    headers = {"Authorization": f"Bearer {await access_token(app, user)}"}
    async with unauthenticated(port, protocol=protocol, additional_headers=headers) as follower:
        yield follower


@asynccontextmanager
async def unauthenticated(
    port: int, *, protocol: str = PROTOCOL, **options: Any
) -> AsyncIterator[Follower]:
    async with connect(
        f"ws://127.0.0.1:{port}/graphql",
        subprotocols=[Subprotocol(protocol)],
        proxy=None,
        open_timeout=PATIENCE_SECONDS,
        **options,
    ) as connection:
        yield Follower(connection)
