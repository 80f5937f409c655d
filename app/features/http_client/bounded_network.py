"""Bounded network: responses of other services are limited, and parsed in small pieces.

The parser takes some 25 us for each interim response (1xx) and each chunk of a body. The 64 KiB
that httpcore reads at once hold ten thousand chunks, and nothing else limits interim responses.
"""

import asyncio
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

PIECE_BYTES = 2 * 1024


class BoundedStream(httpcore.AsyncNetworkStream):
    """A connection that limits each response, and lets other tasks run between its reads."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, max_bytes: int) -> None:
        self._stream = stream
        self._max_bytes = max_bytes
        self._received = 0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  (httpcore's)
        """Read at most `PIECE_BYTES`.

        Raises:
            ReadError: of httpcore; more than the limit was received since the last request.
        """
        # TLS returns bytes that are decrypted already without another iteration of the loop.
        await asyncio.sleep(0)
        data = await self._stream.read(min(max_bytes, PIECE_BYTES), timeout)
        self._received += len(data)
        if self._received > self._max_bytes:
            raise httpcore.ReadError("The response is too large.")
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109  (httpcore's)
        self._received = 0
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  (httpcore's)
    ) -> httpcore.AsyncNetworkStream:
        encrypted = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        return BoundedStream(encrypted, self._max_bytes)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class BoundedNetwork(httpcore.AsyncNetworkBackend):
    """Opens bounded connections on another network; `max_bytes` limits each response."""

    def __init__(self, network: httpcore.AsyncNetworkBackend, max_bytes: int) -> None:
        self._network = network
        self._max_bytes = max_bytes

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  (httpcore's)
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        stream = await self._network.connect_tcp(host, port, timeout, local_address, socket_options)
        return BoundedStream(stream, self._max_bytes)


class BoundedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport on a bounded network."""

    def __init__(
        self,
        network: httpcore.AsyncNetworkBackend,
        tls: ssl.SSLContext,
        limits: httpx.Limits,
        *,
        max_bytes: int,
    ) -> None:
        super().__init__(verify=tls)
        # httpx has no parameter for the network backend; if it renames `_pool`, the tests fail.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=BoundedNetwork(network, max_bytes),
        )
