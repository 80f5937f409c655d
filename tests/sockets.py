"""WebSocket clients: in rooms, and in rejected handshakes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from benchmarks.harness.servers import PATIENCE_SECONDS, connected

HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
)


class Guest:
    """A participant of a room."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, text: str) -> None:
        await self.send(json.dumps({"type": "message", "text": text}, ensure_ascii=False))

    async def send(self, frame: str | bytes) -> None:
        await self.connection.send(frame)

    async def receive(self, kind: str = "") -> dict[str, Any]:
        """The next envelope, or the next of this type."""
        while True:
            async with asyncio.timeout(PATIENCE_SECONDS):
                envelope: dict[str, Any] = json.loads(await self.connection.recv())
            if kind in {"", envelope["type"]}:
                return envelope

    async def texts(self, count: int) -> list[str]:
        return [(await self.receive("message"))["text"] for _ in range(count)]

    async def end(self) -> tuple[int, str]:
        """Return code and reason of the close frame, after all earlier messages."""
        with suppress(ConnectionClosed):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    await self.connection.recv()
        assert self.connection.close_code is not None
        return self.connection.close_code, self.connection.close_reason or ""


@asynccontextmanager
async def guest(
    port: int, room: str, token: str = "", *, query: str = "", **options: Any
) -> AsyncIterator[Guest]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = f"ws://127.0.0.1:{port}/api/v1/ws/{room}{query}"
    async with connect(
        url, additional_headers=headers, proxy=None, open_timeout=PATIENCE_SECONDS, **options
    ) as connection:
        yield Guest(connection)


async def handshake(
    port: int, path: str, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Return status, headers and problem of the response to an upgrade; 101 has no problem."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    async with connected(port) as connection:
        await connection.send(HANDSHAKE.format(path=path, headers=lines).encode("latin-1"))
        status, answered, body = await connection.answer()
    return status, answered, json.loads(body) if body else {}
