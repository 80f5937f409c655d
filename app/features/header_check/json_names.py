"""Repeated names in JSON: 400, because parsers disagree about which of the values counts.

See RFC 8259, section 4, and I-JSON (RFC 7493, section 2.3).
"""

import asyncio
import json
from contextlib import suppress
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.config.settings import Settings
from app.errors import BadRequest
from app.http.json_bounds import check_structure

MAX_SHOWN = 50
# Larger documents are checked in a thread, so that other requests do not wait.
MAX_AT_ONCE_BYTES = 64 * 1024


class RepeatedName(BadRequest):
    code = "repeated_name"
    title = "Repeated name"
    remedy = "Send each name of a JSON object once."


class JsonNamesMiddleware:
    """Checks the JSON body of a request when the route has read all of it."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.max_bytes = settings.max_body_bytes
        self.max_values = settings.max_json_values

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in {"GET", "HEAD"} and is_json(scope):
            receive = self.checked(receive)
        await self.app(scope, receive, send)

    def checked(self, receive: Receive) -> Receive:
        """Return the callable that raises if the body that it receives repeats a name."""
        body = bytearray()

        async def receive_checked() -> Message:
            message = await receive()
            # More bytes are of a route with another limit, which reads no JSON.
            if len(body) <= self.max_bytes:
                body.extend(message.get("body", b""))
            is_last = message["type"] == "http.request" and not message.get("more_body")
            if is_last and len(body) <= self.max_bytes:
                await self._check(bytes(body))
            return message

        return receive_checked

    async def _check(self, document: bytes) -> None:
        if len(document) > MAX_AT_ONCE_BYTES:
            await asyncio.to_thread(check, document, max_values=self.max_values)
        else:
            check(document, max_values=self.max_values)


def is_json(scope: Scope) -> bool:
    return any(
        name == b"content-type" and b"json" in value.lower() for name, value in scope["headers"]
    )


def check(document: bytes, *, max_values: int) -> None:
    """Check the names of a document, if its structure is within the bounds.

    Raises:
        RepeatedName: as `check_names`.
        TooManyValues, NestedTooDeeply: as `check_structure`.
    """
    if may_repeat(document):
        check_structure(document, max_values=max_values)
        check_names(document)


def may_repeat(document: bytes) -> bool:
    """Return whether a string occurs twice, or may do so with an escape or in UTF-16."""
    strings = document.split(b'"')[1::2]
    return len(set(strings)) < len(strings) or b"\\" in document or b"\0" in document


def check_names(document: bytes) -> None:
    """Check that no object of the document repeats a name.

    Malformed documents pass, because the parser rejects them.

    Raises:
        RepeatedName: an object repeats one.
    """
    with suppress(ValueError, RecursionError):
        json.loads(document, object_pairs_hook=reject_repeated)


def reject_repeated(members: list[tuple[str, Any]]) -> None:
    """Check the names of one object.

    Raises:
        RepeatedName: one is repeated.
    """
    seen: set[str] = set()
    for name, _ in members:
        if name in seen:
            raise RepeatedName(f"An object repeats the name {name[:MAX_SHOWN]!r}.")
        seen.add(name)
