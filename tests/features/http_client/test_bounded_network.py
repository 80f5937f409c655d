"""Bounded network: size of a response, and of the pieces that are parsed at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpcore
import httpx
import pytest

from app.features.http_client.bounded_network import (
    PIECE_BYTES,
    BoundedNetwork,
    BoundedTransport,
)
from app.features.http_client.client import (
    LIMITS,
    UpstreamFailed,
    send,
    send_for_status,
    tls_context,
)
from tests.features.http_client.test_client import Speak, server

MAX_BYTES = 64 * 1024
INTERIM = b"HTTP/1.1 103 \r\n\r\n" * 1000
TINY_CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 10_000


def repeating(data: bytes) -> Speak:
    async def speak(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(data)
            await writer.drain()

    return speak


@asynccontextmanager
async def bounded_client() -> AsyncIterator[httpx.AsyncClient]:
    network = httpcore.AnyIOBackend()
    transport = BoundedTransport(network, tls_context(), LIMITS, max_bytes=MAX_BYTES)
    async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
        yield client


async def test_endless_interim_responses_fail_before_the_time_is_over() -> None:
    async with server(repeating(INTERIM)) as url, bounded_client() as client:
        request = client.build_request("GET", url)
        with pytest.raises(UpstreamFailed):
            await send_for_status(client, request, seconds=60)


async def test_framing_counts() -> None:
    async with server(repeating(TINY_CHUNKS)) as url, bounded_client() as client:
        with pytest.raises(UpstreamFailed):
            await send(client, client.build_request("GET", url), seconds=60)


async def test_response_is_read_in_small_pieces() -> None:
    network = BoundedNetwork(httpcore.AnyIOBackend(), MAX_BYTES)
    async with server(repeating(TINY_CHUNKS)) as address:
        url = httpx.URL(address)
        stream = await network.connect_tcp(url.host, url.port or 0)
        await stream.write(b"GET / HTTP/1.1\r\n\r\n")
        pieces = [await stream.read(MAX_BYTES) for _ in range(10)]
        await stream.aclose()

    assert max(map(len, pieces)) <= PIECE_BYTES


async def test_limit_is_that_of_each_response() -> None:
    body = b"x" * (MAX_BYTES // 2)
    response = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(response)
        writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as listening:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
        async with bounded_client() as client:
            sent = [await send(client, client.build_request("GET", url)) for _ in range(3)]

    assert {each.body for each in sent} == {body}
