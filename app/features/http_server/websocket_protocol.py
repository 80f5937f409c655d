"""WebSocket protocol of the server: uvicorn's, with bounds and stalled-reader protection."""

import logging
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from app.features.http_server.stalls import StallGuard

# Time for the rest of the buffer and for the close frame of the peer.
CLOSE_TIMEOUT_SECONDS = 10.0

# Below warnings it would log complete URLs, which contain tickets, and every frame.
log = logging.getLogger("uvicorn.websockets")
log.setLevel(logging.WARNING)


class WebSocketProtocol(StallGuard, WebSocketsSansIOProtocol):
    """Aborts connections of peers that do not read, for which uvicorn would wait forever."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = self.conn.logger = log
        self.conn.debug = False

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.loop.call_later(CLOSE_TIMEOUT_SECONDS, self.transport.abort)

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.close":
            self.loop.call_later(CLOSE_TIMEOUT_SECONDS, self.transport.abort)
        elif message["type"] == "websocket.http.response.body" and self.close_sent:
            # Rejected with a complete response; uvicorn would log that none was sent.
            self.handshake_complete = True

    def handle_cont(self, event: Frame) -> None:
        # Empty frames do not count towards the size limit, and would accumulate without bound.
        if event.data or event.fin:
            super().handle_cont(event)
