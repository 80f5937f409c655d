"""WebSocket protocol of the server: uvicorn's, with bounds and stalled-reader protection."""

import logging
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

from app.features.http_server.stalls import StallGuard

# Time for the rest of the buffer and for the close frame of the peer.
CLOSE_TIMEOUT_SECONDS = 10.0
# Parsed at once: a read of 256 KiB may have 43,000 frames, which take half a second.
SLICE_BYTES = 4096
# Pings, pongs and continuations, which the application does not see and cannot limit. The largest
# message in fragments of 4 KiB has 16, and a client may send 600 of them in this time.
MAX_FRAMES = 10_000
WINDOW_SECONDS = 60.0

# Below warnings it would log complete URLs, which contain tickets, and every frame.
log = logging.getLogger("uvicorn.websockets")
log.setLevel(logging.WARNING)


class WebSocketProtocol(StallGuard, WebSocketsSansIOProtocol):
    """Aborts connections of peers that do not read, for which uvicorn would wait forever."""

    max_frames = MAX_FRAMES

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = self.conn.logger = log
        self.conn.debug = False
        self.unparsed = bytearray()
        self.frames_left, self.window_ends_at = 0, 0.0

    def data_received(self, data: bytes) -> None:
        is_waiting = bool(self.unparsed)
        self.unparsed += data
        if not is_waiting:
            self.parse_slice()

    def parse_slice(self) -> None:
        """Parse a part of the data, and the rest after other connections had their turn."""
        data = bytes(self.unparsed[:SLICE_BYTES])
        super().data_received(data)
        del self.unparsed[:SLICE_BYTES]
        if self.transport.is_closing():
            self.unparsed.clear()
        elif self.unparsed:
            self.transport.pause_reading()
            self.loop.call_soon(self.parse_slice)
        elif not self.read_paused:
            self.transport.resume_reading()

    async def receive(self) -> Any:
        message = await super().receive()
        self.wait_for_rest()
        return message

    def wait_for_rest(self) -> None:
        """Read no more before the rest is parsed, although uvicorn has resumed reading."""
        if self.unparsed and not self.transport.is_closing():
            self.transport.pause_reading()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.loop.call_later(CLOSE_TIMEOUT_SECONDS, self.transport.abort)

    async def send(self, message: Any) -> None:
        await super().send(message)
        self.wait_for_rest()
        if message["type"] == "websocket.close":
            self.loop.call_later(CLOSE_TIMEOUT_SECONDS, self.transport.abort)
        elif message["type"] == "websocket.http.response.body" and self.close_sent:
            # Rejected with a complete response; uvicorn would log that none was sent.
            self.handshake_complete = True

    def handle_ping(self) -> None:
        if self.has_budget():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        if self.has_budget():
            super().handle_pong(event)

    def handle_cont(self, event: Frame) -> None:
        # Empty frames do not count towards the size limit, and would accumulate without bound.
        if self.has_budget() and (event.data or event.fin):
            super().handle_cont(event)

    def has_budget(self) -> bool:
        """Count a frame that the application does not see; close the connection at the limit."""
        if self.loop.time() >= self.window_ends_at:
            self.window_ends_at = self.loop.time() + WINDOW_SECONDS
            self.frames_left = self.max_frames
        self.frames_left -= 1
        if self.frames_left < 0 and not self.close_sent:
            self.close_sent = True
            self.conn.fail(CloseCode.POLICY_VIOLATION, "too many frames")
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()
        return self.frames_left >= 0
