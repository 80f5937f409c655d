"""Header check: rejects or removes header fields that inner layers must not parse.

Of a repeated singleton field, inner layers would each use a different line, or join both into one
value. Some parsers of the standard library and of python-multipart take time that is quadratic in
the length of a field.
"""

from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from app.config.settings import Settings
from app.errors import AppError, BadRequest
from app.http.problem_details import problem_response
from app.http.request_errors import HeadersTooLarge

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
# A boundary has 70 characters at most (RFC 2046, section 5.1.1). python-multipart splits the
# parameters of a field of 30 KB in a tenth of a second.
MAX_CONTENT_TYPE_BYTES = 1024
# RFC 6265, section 4.1.1, allows no backslash in a cookie. Before 3.11.10 and 3.12.6 Python takes
# six seconds to decode a cookie with 14,000 of them (CVE-2024-7592).
ESCAPE = b"\\"


class RepeatedHeader(BadRequest):
    code = "repeated_header"
    title = "Repeated header"
    remedy = "Send the header field that the detail names once."


class HeaderCheckMiddleware:
    """Responds with 400 or 431 to a request or WebSocket handshake with such a field."""

    def __init__(self, app: ASGIApp, _: Settings) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = None if scope["type"] == "lifespan" else find_error(scope["headers"])
        if error is None:
            remove_escaped_cookies(scope)
            await self.app(scope, receive, send)
        else:
            await problem_response(scope, error)(scope, receive, send)


def find_error(headers: Sequence[tuple[bytes, bytes]]) -> AppError | None:
    """Return the error of the first check that fails, None if all pass."""
    if name := repeated_singleton(headers):
        return RepeatedHeader(f"The header field {name} may be sent once.")
    if any(
        name == b"content-type" and len(value) > MAX_CONTENT_TYPE_BYTES for name, value in headers
    ):
        return HeadersTooLarge(f"Content-Type may have {MAX_CONTENT_TYPE_BYTES} bytes.")
    return None


def remove_escaped_cookies(scope: Scope) -> None:
    """Remove cookies with an escape: a cookie is a hint, and is ignored when unusable."""
    if any(name == b"cookie" and ESCAPE in value for name, value in scope.get("headers", ())):
        scope["headers"] = [
            (name, unescaped_cookies(value) if name == b"cookie" else value)
            for name, value in scope["headers"]
        ]


def unescaped_cookies(value: bytes) -> bytes:
    return b";".join(cookie for cookie in value.split(b";") if ESCAPE not in cookie)


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
