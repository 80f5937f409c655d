"""Messages of one GraphQL WebSocket, in the protocol graphql-transport-ws.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

import asyncio
import json
from contextlib import suppress
from typing import Any

from fastapi import WebSocket, WebSocketDisconnect
from pydantic import ValidationError

from app.features.graphql.close_reasons import Closed, GraphQLCloseCode
from app.features.graphql.websocket_messages import MESSAGE, Init, Message

PROTOCOL = "graphql-transport-ws"
INIT_SECONDS = 10.0
# Of clients that may be anonymous. A token has at most 4 KiB; the server limits later messages.
MAX_INIT_CHARACTERS = 8_192


class Channel:
    """Receives and sends messages; raises `Closed` when the connection ends or has to end."""

    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket

    async def accept(self) -> None:
        is_supported = PROTOCOL in self.websocket.scope["subprotocols"]
        await self.websocket.accept(PROTOCOL if is_supported else None)
        if not is_supported:
            reason = "Subprotocol not acceptable"
            raise Closed((GraphQLCloseCode.SUBPROTOCOL_NOT_ACCEPTABLE, reason))

    async def initialised(self) -> Init:
        """Return the first message of the client, which has to be `connection_init`."""
        try:
            async with asyncio.timeout(INIT_SECONDS):
                text = await self._text()
        except TimeoutError:
            reason = "Connection initialisation timeout"
            raise Closed((GraphQLCloseCode.NOT_INITIALISED, reason)) from None
        if len(text) > MAX_INIT_CHARACTERS:
            raise Closed((GraphQLCloseCode.BAD_REQUEST, "Message too big"))
        message = parse(text)
        if not isinstance(message, Init):
            raise Closed((GraphQLCloseCode.UNAUTHORIZED, "Unauthorized"))
        return message

    async def receive(self) -> Message:
        return parse(await self._text())

    async def send(self, message: dict[str, Any]) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):  # The client has disconnected.
            await self.websocket.send_text(json.dumps(message))

    async def _text(self) -> str:
        frame = await self.websocket.receive()
        if frame["type"] == "websocket.disconnect":
            raise Closed(None)
        return frame.get("text") or ""


def parse(text: str) -> Message:
    try:
        return MESSAGE.validate_json(text)
    except ValidationError:
        raise Closed((GraphQLCloseCode.BAD_REQUEST, "Invalid message")) from None
