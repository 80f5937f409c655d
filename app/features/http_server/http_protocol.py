"""HTTP/1.1 protocol of the server: uvicorn's, with the checks and bounds of RFC 9112.

The application responds to rejected requests with a problem, through `scope["rejection"]`: with
a request id, an access log entry, and in the order of pipelined responses. See ADR 0023.
"""

from asyncio import BaseTransport
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.errors import AppError, BadRequest
from app.features.http_server.http_head import (
    check_framing,
    check_handshake,
    check_host,
    check_version,
    error_of,
    is_websocket,
    origin_form,
    substitute,
    without_upgrade,
)
from app.features.http_server.http_response import LingeringTransport, ResponseFraming
from app.features.http_server.http_timeouts import TimedHttpProtocol
from app.features.http_server.uvicorn_attributes import check_uvicorn
from app.http.request_errors import HeadersTooLarge, UriTooLong

check_uvicorn()

# As in nginx: four buffers of 8 KiB, one of which holds the request line.
MAX_TARGET_BYTES = 8 * 1024
MAX_HEAD_BYTES = 32 * 1024
MAX_HEADERS = 100
# Chunk sizes, extensions and trailers, relative to the body. A chunk of a single byte has five
# bytes of framing.
MAX_FRAMING = 8
MAX_PIPELINED = 64
# If more of a body is unread, closing the connection is cheaper than reading the rest.
MAX_UNREAD_BYTES = 64 * 1024


class HttpProtocol(TimedHttpProtocol):
    """One connection; the body of a message may arrive much later than its head."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.head_bytes = self.fed_bytes = 0

    def connection_made(self, transport: BaseTransport) -> None:
        inner = cast("LingeringTransport", transport)
        super().connection_made(LingeringTransport(inner, self.expects_more))

    def expects_more(self) -> bool:
        """Return whether the client may still send data that will not be read."""
        return self.is_in_head or self.is_in_body or self.rejection is not None

    def data_received(self, data: bytes) -> None:
        self.end_idle_time()
        if self.transport.is_closing():
            cast("LingeringTransport", self.transport).discard(len(data))
        elif not self.rejection:
            self.parse(data)
            self.watch_sender()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Return whether to keep the connection for responses that have not started.

        A client may half-close it after its last request (RFC 9112, section 9.6). During a
        response, the end of its data means that it has disconnected: else streams would go on.
        """
        if self.is_in_head or self.is_in_body or self.cycle is None:
            return False
        last = self.pipeline[0][0] if self.pipeline else self.cycle
        last.keep_alive = False
        return not last.response_started

    def parse(self, data: bytes) -> None:
        self.fed_bytes += len(data)
        try:
            self.feed(memoryview(data))
            self.check_bounds()
        except httptools.HttpParserError as error:
            self.reject(error_of(error, data))
        except AppError as error:
            self.reject(error)

    def feed(self, data: memoryview) -> None:
        """Parse data; an Upgrade to a protocol other than WebSocket is ignored (RFC 9110, 7.8)."""
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                method, version = self.parser.get_method(), self.parser.get_http_version()
                if is_websocket(method, version, self.headers):
                    self.upgrade_to_websocket()
                    return
                data = data[upgrade.args[0] :]
            else:
                return
            # The parser stops after an upgrade, so a new one continues.
            self.parser = httptools.HttpRequestParser(self)
            self.parser.feed_data(without_upgrade(method, self.url, version, self.headers))

    def upgrade_to_websocket(self) -> None:
        self.transport = cast("LingeringTransport", self.transport).inner
        self.is_upgraded = True
        self.handle_websocket_upgrade()

    def check_bounds(self) -> None:
        """Bound data that the parser does not report: an unfinished field, chunk framing.

        Raises:
            HeadersTooLarge: the head is longer than MAX_HEAD_BYTES and unfinished.
            BadRequest: the body is mostly framing.
        """
        if self.is_in_head and self.fed_bytes > MAX_HEAD_BYTES:
            raise HeadersTooLarge
        most = (1 + MAX_FRAMING) * self.body_bytes + MAX_HEAD_BYTES
        if self.is_in_body and self.fed_bytes > most:
            raise BadRequest("The body is mostly framing of its chunks.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.is_in_head, self.is_in_body = True, False
        # Data that arrived together with the end of the previous message is not counted.
        self.head_bytes = self.body_bytes = self.fed_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Append to the request target.

        Raises:
            UriTooLong: it exceeds MAX_HEAD_BYTES.
        """
        super().on_url(url)
        if len(self.url) > MAX_HEAD_BYTES:
            raise UriTooLong

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header field or a trailer.

        Raises:
            HeadersTooLarge: the section exceeds MAX_HEAD_BYTES or MAX_HEADERS.
        """
        self.head_bytes += len(name) + len(value)
        if self.head_bytes > MAX_HEAD_BYTES or len(self.headers) == MAX_HEADERS:
            raise HeadersTooLarge
        if self.is_in_head:  # Trailers would be added to the headers of the running request.
            super().on_header(name, value.rstrip(b" \t"))

    def on_headers_complete(self) -> None:
        method, version = self.parser.get_method(), self.parser.get_http_version()
        if not self.rejection:
            self.check_head(method, version)
            if self.parser.should_upgrade():
                if is_websocket(method, version, self.headers):
                    check_handshake(self.url, self.headers)
                self.scope["method"] = method.decode()
                return
        self.is_in_head, self.is_in_body = False, True
        self.expect_100_continue &= version == "1.1"
        super().on_headers_complete()
        self.frame_response(version)

    def check_head(self, method: bytes, version: str) -> None:
        """Validate the request line and the header section.

        Raises:
            UriTooLong: the request target exceeds MAX_TARGET_BYTES. Checked here, where the Origin
                is known, so that scripts can read the problem.
            BadRequest: too many pipelined requests are waiting.
        """
        if len(self.url) > MAX_TARGET_BYTES:
            raise UriTooLong
        check_version(version, method)
        self.url = origin_form(self.url, method, self.headers)
        check_host(self.headers, version)
        check_framing(self.headers, version)
        if len(self.pipeline) == MAX_PIPELINED:
            raise BadRequest(f"At most {MAX_PIPELINED} requests may wait for their responses.")

    def frame_response(self, version: str) -> None:
        fields = dict(self.headers)
        is_long = int(fields.get(b"content-length", 0)) > MAX_UNREAD_BYTES
        is_chunked = b"transfer-encoding" in fields
        if version == "1.0" or is_long or is_chunked or self.expect_100_continue:
            framing = ResponseFraming(self.cycle, has_chunks=version == "1.1")
            self.cycle.send = framing.send  # type: ignore[method-assign]

    def on_body(self, body: bytes) -> None:
        self.body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.is_in_body = False
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def reject(self, error: AppError) -> None:
        """Respond with a problem after earlier pipelined responses, then close."""
        self.rejection = error
        self.flow.resume_reading()
        if self.is_in_body:
            self.fail_body(self.cycle)
            return
        method = self.parser.get_method().decode() if self.url else "-"
        target, headers = self.url, self.headers
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(substitute(target, headers))
        scope: dict[str, Any] = cast("dict[str, Any]", self.cycle.scope)
        scope["method"], scope["rejection"] = method, error

    def fail_body(self, cycle: RequestResponseCycle) -> None:
        """Fail the request that waits for its body or for earlier pipelined responses."""
        cast("dict[str, Any]", cycle.scope)["rejection"] = self.rejection
        cycle.keep_alive = cycle.more_body = False
        cycle.message_event.set()
        if cycle.response_complete:
            self.transport.close()
