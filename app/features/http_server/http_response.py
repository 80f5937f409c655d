"""Response framing and connection close: close-delimited bodies and lingering close."""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

# A client that is still sending its body loses the response if the socket is closed before
# (RFC 9112, section 9.6). Beyond these bounds the response is lost.
LINGER_SECONDS = 10.0
LINGER_BYTES = 64 * 1024 * 1024


class LingeringTransport(asyncio.Transport):
    """A transport whose `close` half-closes and discards the data that the client still sends."""

    def __init__(self, inner: asyncio.Transport, expects_more: Callable[[], bool]) -> None:
        super().__init__()
        self.inner = inner
        self.get_extra_info = inner.get_extra_info  # type: ignore[method-assign]
        self.write = inner.write  # type: ignore[method-assign]
        self.pause_reading = inner.pause_reading  # type: ignore[method-assign]
        self.resume_reading = inner.resume_reading  # type: ignore[method-assign]
        self.abort = inner.abort  # type: ignore[method-assign]
        self._expects_more = expects_more
        self._is_closing = False
        self._discarded = 0

    def is_closing(self) -> bool:
        return self._is_closing or self.inner.is_closing()

    def close(self) -> None:
        """Close, or end the lingering of an earlier call."""
        if self.is_closing() or not self._expects_more():
            self._is_closing = True
            self.inner.close()
            return
        self._is_closing = True
        self.inner.resume_reading()
        if self.inner.can_write_eof():
            self.inner.write_eof()
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self.inner.abort)

    def discard(self, size_bytes: int) -> None:
        self._discarded += size_bytes
        if self._discarded > LINGER_BYTES:
            self.inner.abort()


class ResponseFraming:
    """Sends the messages of one response and decides whether the connection stays open.

    HTTP/1.0 clients do not support the chunked coding, so a body without a length ends with
    the connection (RFC 9112, section 6.3). A request whose body was not read completely is the
    last one of its connection.
    """

    def __init__(self, cycle: RequestResponseCycle, *, has_chunks: bool) -> None:
        self._cycle = cycle
        self._send = cycle.send
        self._has_chunks = has_chunks
        self._is_close_delimited = False

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            if self._cycle.more_body:
                self._cycle.keep_alive = False
            self._choose_framing(message)
        elif self._is_close_delimited:
            self._cycle.expected_content_length = len(message.get("body", b""))
        await self._send(message)

    def _choose_framing(self, message: Any) -> None:
        names = {name.lower() for name, _ in message.get("headers", ())}
        if b"content-length" not in names and not self._has_chunks:
            self._is_close_delimited = True
            self._cycle.chunked_encoding = False
