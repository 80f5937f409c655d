"""WebSocket protocol: frames that only the server sees cost a bounded share of the event loop."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect

from app.features.http_server.http_protocol import HttpProtocol
from app.features.http_server.websocket_protocol import SLICE_BYTES, WebSocketProtocol
from benchmarks.harness.servers import PATIENCE_SECONDS, serving
from benchmarks.harness.servers import connected as open_tcp
from tests.polling import eventually

MASK = bytes(4)
PING = bytes([0x89, 0x80]) + MASK
PONG = bytes([0x8A, 0x80]) + MASK
EMPTY_TEXT = bytes([0x81, 0x80]) + MASK
FRAGMENTS = bytes([0x01, 0x80]) + MASK + 1000 * (bytes([0x00, 0x80]) + MASK)


class CountingApp:
    """Counts the messages that it receives."""

    def __init__(self) -> None:
        self.messages = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] == "websocket.receive":
            self.messages += 1


class CountingProtocol(WebSocketProtocol):
    """Counts pings by the iteration of the event loop that handles them."""

    max_frames = 10**6
    iteration: ClassVar[int]
    pings: ClassVar[Counter[int]]

    def handle_ping(self) -> None:
        self.pings[self.iteration] += 1
        super().handle_ping()


class HastyHttpProtocol(HttpProtocol):
    """A protocol class with a short timeout for requests."""

    send_seconds = 0.1


class StrictProtocol(WebSocketProtocol):
    max_frames = 100


@pytest.fixture
async def counting(anyio_backend: object) -> AsyncIterator[type[CountingProtocol]]:
    CountingProtocol.iteration, CountingProtocol.pings = 0, Counter()

    async def count_iterations() -> None:
        while True:
            CountingProtocol.iteration += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(count_iterations())
    yield CountingProtocol
    task.cancel()


@asynccontextmanager
async def connected(
    app: CountingApp, protocol: type[WebSocketProtocol]
) -> AsyncIterator[ClientConnection]:
    served: Any = app
    async with serving(served, ws=protocol) as port, open_websocket(port) as client:
        yield client


def open_websocket(port: int) -> connect:
    return connect(f"ws://127.0.0.1:{port}/", proxy=None, open_timeout=PATIENCE_SECONDS)


async def test_other_connections_have_their_turn_between_many_pings(
    counting: type[CountingProtocol],
) -> None:
    async with connected(CountingApp(), counting) as client:
        client.transport.write(PING * 20_000)

        await eventually(lambda: counting.pings.total() == 20_000)

    # One iteration may parse the end of a read and the start of the next one.
    assert max(counting.pings.values()) <= 2 * (SLICE_BYTES // len(PING) + 1)


async def test_no_message_is_lost_between_slices(counting: type[CountingProtocol]) -> None:
    app = CountingApp()
    async with connected(app, counting) as client:
        client.transport.write(EMPTY_TEXT * 5_000)
        await client.send("x" * 60_000)

        await eventually(lambda: app.messages == 5_001)


@pytest.mark.parametrize("frames", [PING * 101, PONG * 101, FRAGMENTS])
async def test_connection_with_too_many_frames_is_closed(frames: bytes) -> None:
    app = CountingApp()
    async with connected(app, StrictProtocol) as client:
        client.transport.write(frames)

        await client.wait_closed()

    assert (client.close_code, client.close_reason) == (1008, "too many frames")
    assert app.messages == 0


async def test_timeout_of_requests_does_not_end_a_websocket() -> None:
    app: Any = CountingApp()
    async with (
        serving(app, http=HastyHttpProtocol) as port,
        open_websocket(port) as client,
        open_tcp(port) as later,
    ):
        await later.send(b"\r\n")
        assert await later.reader.read() == b""

        await (await client.ping())
