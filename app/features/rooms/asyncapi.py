"""AsyncAPI 3.0 document of the rooms: OpenAPI cannot describe WebSockets."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.config.settings import Settings
from app.features.rooms.schemas import (
    RoomError,
    RoomJoin,
    RoomLeave,
    RoomMessageCreate,
    RoomMessageRead,
    RoomPresence,
)
from app.features.streams.close_codes import CloseCode
from app.features.streams.settings import StreamSettings
from app.http.body_bounds import MAX_FRAME_BYTES

Node = dict[str, Any]

SENT: dict[str, type[BaseModel]] = {
    "presence": RoomPresence,
    "message": RoomMessageRead,
    "join": RoomJoin,
    "leave": RoomLeave,
    "error": RoomError,
}
RECEIVED: dict[str, type[BaseModel]] = {"create": RoomMessageCreate}
SCHEMAS = "#/components/schemas/"

DESCRIPTION = """\
One JSON object in each text frame, at most {frame} bytes. The first is the presence; then all
messages, joins and leaves of the room follow, in one order for all participants.

Sign in with an access token or an API key in the handshake's headers, or with `?ticket=` from
`POST {api}/auth/ws-ticket`; a token in the URL is rejected. To receive requires posts:read, to send
requires posts:write. Browsers may connect from this host and from ALLOWED_ORIGINS.

The response to a rejected handshake is application/problem+json: 401, 403 (scope or origin),
422 (name of the room) or 429 (too many requests, or more than {sockets} sockets of one user).

Messages from before the connection are not repeated. An open socket ends within five seconds of the
credential that opened it. Close codes:

{codes}
"""


def document(settings: Settings) -> Node:
    messages, channel = SENT | RECEIVED, "#/channels/room"
    return {
        "asyncapi": "3.0.0",
        "info": info(settings),
        "defaultContentType": "application/json",
        "channels": {"room": room(settings, messages)},
        "operations": {
            "publishEvents": operation("send", channel, SENT, "Messages that the service sends."),
            "receiveMessage": operation(
                "receive", channel, RECEIVED, "Messages that the service accepts."
            ),
        },
        "components": {
            "messages": {name: message(messages[name]) for name in messages},
            "schemas": schemas(list(messages.values())),
        },
    }


def info(settings: Settings) -> Node:
    return {
        "title": f"{settings.project_name}: rooms",
        "version": settings.version,
        "description": description(settings),
        "license": {"name": "MIT"},
    }


def room(settings: Settings, messages: Node) -> Node:
    return {
        "address": f"{settings.api_v1_str}/ws/{{room}}",
        "description": "A chat room.",
        "parameters": {"room": {"description": "1 to 64 letters, digits, dots, lines: `lobby`."}},
        "messages": {name: reference("messages", name) for name in messages},
    }


def description(settings: Settings) -> str:
    codes = "\n".join(f"- {code.value}: {code.meaning}" for code in CloseCode)
    return DESCRIPTION.format(
        api=settings.api_v1_str,
        codes=codes,
        frame=f"{MAX_FRAME_BYTES:,}",
        sockets=settings.of(StreamSettings).sockets_per_user,
    )


def reference(kind: str, name: str) -> Node:
    return {"$ref": f"#/components/{kind}/{name}"}


def operation(action: str, channel: str, messages: Node, summary: str) -> Node:
    listed = [{"$ref": f"{channel}/messages/{name}"} for name in messages]
    return {
        "action": action,
        "channel": {"$ref": channel},
        "summary": summary,
        "messages": listed,
    }


def message(model: type[BaseModel]) -> Node:
    return {"payload": reference("schemas", model.__name__)}


def schemas(models: list[type[BaseModel]]) -> Node:
    _, whole = models_json_schema(
        [(model, "serialization") for model in models], ref_template=SCHEMAS + "{model}"
    )
    definitions: Node = whole["$defs"]
    return definitions
