"""Responses of webhook receivers: the status line decides, independent of the body."""

import asyncio
import gzip
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from app.features.webhooks.delivery import deliver, new_secret
from app.features.webhooks.models.delivery import Outcome
from app.features.webhooks.ssrf_guard import SsrfGuard, guarded_client
from tests.receivers import read_message

OK = b"HTTP/1.1 200 OK\r\n"
ZIPPED = gzip.compress(b"x" * 1000, mtime=0)
Write = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Peer:
    """A receiver that responds with raw bytes, and counts its connections."""

    def __init__(self, response: bytes, *, endless: bytes = b"", is_open: bool = False) -> None:
        self.answer, self.endless, self.is_open = response, endless, is_open
        self.connections = 0
        self.url = ""

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                await read_message(reader)
                writer.write(self.answer)
                while self.endless:
                    writer.write(self.endless)
                    await writer.drain()
                if not self.is_open:
                    return
        except (OSError, asyncio.IncompleteReadError):
            pass  # The sender has left.
        finally:
            writer.close()


@asynccontextmanager
async def answering(peer: Peer) -> AsyncIterator[Peer]:
    async with await asyncio.start_server(peer.accept, "127.0.0.1", 0) as server:
        peer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        yield peer


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with guarded_client(SsrfGuard(loopback=True)) as client:
        yield client


async def outcome_of(client: httpx.AsyncClient, peer: Peer) -> Outcome:
    async with asyncio.timeout(30):
        return await deliver(client, peer.url, uuid.uuid4(), "{}", [new_secret()])


class TestStatusLine:
    @pytest.mark.parametrize(
        "answer",
        [
            OK + b"Content-Length: 100\r\n\r\ncut",
            OK + b"Content-Encoding: br\r\nContent-Length: 3\r\n\r\n\x00\x01\x02",
            OK + b"Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" + ZIPPED[:20],
            OK + b"Content-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!",
            OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
            OK + b"Transfer-Encoding: chunked\r\n\r\nno chunk at all",
            OK + b"\r\nwithout a length",
            OK + b"\r\n",
            OK + b"Content-Length: 0\r\n\r\ngarbage",
            OK + b"Content-Type: nonsense\r\nContent-Length: 2\r\n\r\n\xff\xfe",
            OK + b"X-Long: " + b"x" * 50_000 + b"\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.0 200 OK\r\n\r\nold",
            b"HTTP/1.1 200\r\n\r\n",
            b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
            b"HTTP/1.1 202 Accepted\nContent-Length: 0\n\n",
            b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n",
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 3 + OK + b"\r\n",
        ],
    )
    async def test_success_status_is_sufficient(
        self, client: httpx.AsyncClient, answer: bytes
    ) -> None:
        async with answering(Peer(answer)) as peer:
            outcome = await outcome_of(client, peer)

        assert outcome.is_success, outcome

    async def test_success_status_is_sufficient_before_an_endless_body(
        self, client: httpx.AsyncClient
    ) -> None:
        async with answering(Peer(OK + b"\r\n", endless=b"x" * 65536)) as peer:
            outcome = await outcome_of(client, peer)

        assert outcome.is_success, outcome

    async def test_endless_interim_responses_are_a_failure_before_the_time_is_over(
        self, client: httpx.AsyncClient
    ) -> None:
        async with answering(Peer(b"", endless=b"HTTP/1.1 103 \r\n\r\n" * 1000)) as peer:
            outcome = await outcome_of(client, peer)

        assert (outcome.response_status, outcome.error) == (None, "upstream_failed")

    async def test_success_status_is_sufficient_without_the_body(
        self, client: httpx.AsyncClient
    ) -> None:
        response = OK + b"Content-Length: 5\r\n\r\n"
        async with answering(Peer(response, is_open=True)) as peer:
            outcome = await outcome_of(client, peer)

        assert outcome.is_success, outcome

    @pytest.mark.parametrize("status", [301, 307, 404, 410, 500])
    async def test_other_status_is_a_failure(self, client: httpx.AsyncClient, status: int) -> None:
        response = b"HTTP/1.1 %d x\r\nLocation: /other\r\nContent-Length: 9\r\n\r\ncut" % status
        async with answering(Peer(response)) as peer:
            outcome = await outcome_of(client, peer)

        assert (outcome.is_success, outcome.response_status) == (False, status)
        assert peer.connections == 1

    @pytest.mark.parametrize(
        "answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 2", b"HTTP/1.1 101 x\r\n\r\n"]
    )
    async def test_malformed_status_line_is_a_failure(
        self, client: httpx.AsyncClient, answer: bytes
    ) -> None:
        async with answering(Peer(answer)) as peer:
            outcome = await outcome_of(client, peer)

        assert (outcome.response_status, outcome.error) == (None, "upstream_failed")


class TestConnection:
    async def test_connection_is_reused_after_a_short_body(self, client: httpx.AsyncClient) -> None:
        response = OK + b"Content-Length: 2\r\n\r\nok"
        async with answering(Peer(response, is_open=True)) as peer:
            for _ in range(3):
                assert (await outcome_of(client, peer)).is_success

            assert peer.connections == 1

    async def test_connection_is_closed_before_the_end_of_a_long_body(
        self, client: httpx.AsyncClient
    ) -> None:
        response = OK + b"Content-Length: 1000000\r\n\r\n" + b"x" * 1_000_000
        async with answering(Peer(response, is_open=True)) as peer:
            for _ in range(2):
                assert (await outcome_of(client, peer)).is_success

            assert peer.connections == 2
