"""Bounded network stream: a response of a webhook receiver is read and parsed in small pieces.

The parser takes some 25 us for each interim response (1xx) and each chunk of a body. The 64 KiB
that httpcore reads at once hold ten thousand chunks, and nothing else limits interim responses.
"""

import asyncio
import ssl
from typing import Any

import httpcore

PIECE_BYTES = 2 * 1024
# Since the last byte of the request: only the status and a short body are needed.
MAX_RESPONSE_BYTES = 64 * 1024


class BoundedStream(httpcore.AsyncNetworkStream):
    """A connection whose responses are bounded, and between whose reads other tasks run."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._received = 0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  (httpcore's)
        """Read at most `PIECE_BYTES`.

        Raises:
            ReadError: of httpcore; the response has more than `MAX_RESPONSE_BYTES`.
        """
        # TLS returns bytes that are decrypted already without another iteration of the loop.
        await asyncio.sleep(0)
        data = await self._stream.read(min(max_bytes, PIECE_BYTES), timeout)
        self._received += len(data)
        if self._received > MAX_RESPONSE_BYTES:
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
        return BoundedStream(encrypted)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
