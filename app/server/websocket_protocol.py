"""WebSockets as the server speaks them: bounded, and rid of peers that take nothing."""

import logging
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from app.server.stalls import StallGuard

MAX_FRAME_BYTES = 64 * 1024
# After the service has closed: the rest of the buffer, and the peer's own farewell.
FAREWELL_SECONDS = 10.0

# Below warnings they would write down whole URLs, tickets among them, and every frame.
log = logging.getLogger("uvicorn.websockets")
log.setLevel(logging.WARNING)


class WebSocketProtocol(StallGuard, WebSocketsSansIOProtocol):
    """uvicorn's, which would wait without end for a peer that does not read."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = self.conn.logger = log
        self.conn.debug = False

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.loop.call_later(FAREWELL_SECONDS, self.transport.abort)

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.close":
            self.loop.call_later(FAREWELL_SECONDS, self.transport.abort)
        elif message["type"] == "websocket.http.response.body" and self.close_sent:
            # Refused with a whole answer, which uvicorn would complain about as none.
            self.handshake_complete = True

    def handle_cont(self, event: Frame) -> None:
        # Empty ones count towards no limit, and would be kept without end.
        if event.data or event.fin:
            super().handle_cont(event)


# By name: worker processes load it anew.
WEBSOCKETS: dict[str, Any] = {
    "ws": "app.server.websocket_protocol:WebSocketProtocol",
    "ws_max_size": MAX_FRAME_BYTES,
    "ws_ping_interval": 20.0,
    "ws_ping_timeout": 20.0,
    # What an attacker has a part in is not compressed together with what others say.
    "ws_per_message_deflate": False,
}
