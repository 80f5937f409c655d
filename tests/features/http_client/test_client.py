"""HTTP client limits: slow, endless, huge and missing responses."""

import asyncio
import gzip
import importlib.abc
import ssl
import sys
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from app.features.http_client.client import (
    MAX_BYTES,
    UpstreamFailed,
    UpstreamTimeout,
    send,
    tls_context,
)
from tests.polling import PATIENCE_SECONDS

SECONDS = 0.3
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
Speak = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(speak: Speak) -> AsyncIterator[str]:
    """Reads a request and lets `speak` respond; yields its URL."""

    tasks: set[asyncio.Task[None] | None] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            await reader.readuntil(b"\r\n\r\n")
            await speak(writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # The client has had enough, which is what the tests are about.
        finally:
            writer.transport.abort()

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
    for task in filter(None, tasks):
        task.cancel()
    await asyncio.gather(*filter(None, tasks))


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


def says(*parts: bytes) -> Speak:
    async def speak(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
        writer.write_eof()

    return speak


def again_and_again(part: bytes, *, pause_seconds: float = 0) -> Speak:
    async def speak(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        while True:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause_seconds)

    return speak


async def hang(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


class TestDeadline:
    @pytest.mark.parametrize(
        "speak",
        [hang, again_and_again(b"X-A: b\r\n", pause_seconds=0.01)],
        ids=["hang", "drip headers"],
    )
    async def test_response_must_begin_in_time(
        self, client: httpx.AsyncClient, speak: Speak
    ) -> None:
        async with server(speak) as url:
            await takes_its_time_and_no_more(client, url)

    async def test_response_must_be_complete_in_time(self, client: httpx.AsyncClient) -> None:
        async with server(again_and_again(b"\r\n", pause_seconds=0.01)) as url:
            await takes_its_time_and_no_more(client, url)


async def takes_its_time_and_no_more(client: httpx.AsyncClient, url: str) -> None:
    started = time.monotonic()
    with pytest.raises(UpstreamTimeout):
        async with asyncio.timeout(PATIENCE_SECONDS):
            await send(client, client.build_request("GET", url), seconds=SECONDS)
    assert time.monotonic() - started >= SECONDS


class TestSize:
    async def test_body_up_to_the_limit_is_read(self, client: httpx.AsyncClient) -> None:
        async with server(says(HEAD + b"\r\n", b"a" * MAX_BYTES)) as url:
            response = await send(client, client.build_request("GET", url))

        assert len(response.body) == MAX_BYTES

    async def test_endless_body_is_aborted(self, client: httpx.AsyncClient) -> None:
        async with server(again_and_again(b"\r\n" + b"a" * 65_534)) as url:
            await is_too_large(client, url)

    async def test_decompression_bomb_is_aborted(self, client: httpx.AsyncClient) -> None:
        bomb = gzip.compress(b"0" * 200 * MAX_BYTES, mtime=0)

        async with server(says(HEAD + b"Content-Encoding: gzip\r\n\r\n", bomb)) as url:
            tracemalloc.start()
            await is_too_large(client, url)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()

        assert peak < 16 * MAX_BYTES

    async def test_endless_empty_chunks_are_aborted(self, client: httpx.AsyncClient) -> None:
        empty = zlib.compressobj(wbits=31)
        first, more = empty.flush(zlib.Z_FULL_FLUSH), b"\0\0\0\xff\xff" * 10_000

        head = HEAD + b"Content-Encoding: gzip\r\n\r\n" + first
        async with server(says(head, *[more] * 30)) as url:
            await is_too_large(client, url)


async def is_too_large(client: httpx.AsyncClient, url: str) -> None:
    with pytest.raises(UpstreamFailed, match="too large"):
        await send(client, client.build_request("GET", url))


class TestCompression:
    async def test_gzip_is_decompressed(self, client: httpx.AsyncClient) -> None:
        packed = gzip.compress(b"some text", mtime=0)

        async with server(says(HEAD + b"Content-Encoding: gzip\r\n\r\n", packed)) as url:
            response = await send(client, client.build_request("GET", url))

        assert response.body == b"some text"

    @pytest.mark.parametrize(
        ("encoding", "body"),
        [
            (b"gzip", gzip.compress(b"some text", mtime=0)[:-4]),
            (b"gzip", b"this is not gzip"),
            (b"br", b"whatever"),
            (b"gzip, gzip", b"whatever"),
        ],
        ids=["cut", "wrong", "unknown", "twice"],
    )
    async def test_corrupt_compression_is_a_failure(
        self, client: httpx.AsyncClient, encoding: bytes, body: bytes
    ) -> None:
        head = HEAD + b"Content-Encoding: " + encoding + b"\r\n\r\n"

        async with server(says(head, body)) as url:
            with pytest.raises(UpstreamFailed):
                await send(client, client.build_request("GET", url))


class TestProtocol:
    async def test_redirect_is_not_followed(self, client: httpx.AsyncClient) -> None:
        head = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nConnection: close\r\n\r\n"

        async with server(says(head)) as url:
            response = await send(client, client.build_request("GET", url))

        assert (response.status, response.headers["location"]) == (302, "http://127.0.0.1:1/")

    @pytest.mark.parametrize(
        "said", [b"", b"hello\r\n\r\n", HEAD, HEAD + b"Content-Length: 9\r\n\r\n"]
    )
    async def test_truncated_response_is_a_failure(
        self, client: httpx.AsyncClient, said: bytes
    ) -> None:
        async with server(says(said)) as url:
            with pytest.raises(UpstreamFailed):
                await send(client, client.build_request("GET", url))

    async def test_refused_connection_is_a_failure(self, client: httpx.AsyncClient) -> None:
        with pytest.raises(UpstreamFailed):
            await send(client, client.build_request("GET", "http://127.0.0.1:1/"))


class Searched(importlib.abc.MetaPathFinder):
    """Records the modules that are searched for, and finds none."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def find_spec(self, fullname: str, *_: object) -> None:
        self.names.append(fullname)


async def test_request_does_not_search_for_modules(client: httpx.AsyncClient) -> None:
    response = says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    async with server(response) as url:
        await send(client, client.build_request("GET", url))
        searched = Searched()
        sys.meta_path.insert(0, searched)
        try:
            await send(client, client.build_request("GET", url))
        finally:
            sys.meta_path.remove(searched)

    assert searched.names == []


def test_clients_share_one_context_that_verifies_certificates() -> None:
    assert tls_context() is tls_context()
    assert tls_context().verify_mode is ssl.CERT_REQUIRED
    assert tls_context().check_hostname
