"""Header check: rejects a request that repeats a singleton field.

Inner layers would each use a different one of the two lines, or join them into one value.
"""

from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from app.config.settings import Settings
from app.errors import BadRequest
from app.http.problem_details import problem_response

# Fields with one value that the service reads: two lines of one may contradict each other.
# Host, Content-Length and Authorization are checked where they are read.
SINGLETONS = frozenset(
    {
        b"access-control-request-method",
        b"content-type",
        b"idempotency-key",
        b"if-modified-since",
        b"if-range",
        b"if-unmodified-since",
        b"last-event-id",
        b"origin",
        b"range",
        b"x-request-id",
    }
)


class RepeatedHeader(BadRequest):
    code = "repeated_header"
    title = "Repeated header"
    remedy = "Send the header field that the detail names once."


class HeaderCheckMiddleware:
    """Responds with 400 to a request or WebSocket handshake that repeats a singleton field."""

    def __init__(self, app: ASGIApp, _: Settings) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = None if scope["type"] == "lifespan" else repeated_singleton(scope["headers"])
        if name is None:
            await self.app(scope, receive, send)
        else:
            error = RepeatedHeader(f"The header field {name} may be sent once.")
            await problem_response(scope, error)(scope, receive, send)


def repeated_singleton(headers: Sequence[tuple[bytes, bytes]]) -> str | None:
    """Return the name of a singleton field that is repeated, if there is one."""
    names = [name for name, _ in headers]
    if len(set(names)) == len(names):
        return None
    seen: set[bytes] = set()
    for name in names:
        if name in seen and name in SINGLETONS:
            return name.decode("latin-1")
        seen.add(name)
    return None
