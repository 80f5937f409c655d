"""Middleware in pure ASGI: request id, timing, security headers, access log, body limit.

BaseHTTPMiddleware would cost a task group for each request and copy the context.
"""

import re
import time
import uuid
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import AppError, ContentTooLarge
from app.http.forwarding import resolve_client
from app.http.problem_details import problem_response
from app.network.client_address import TrustedProxies
from app.observability.access_log import AccessRecorder
from app.observability.logging import get_logger
from app.observability.request_context import begin_request

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
MAX_DIGITS = 20
# A rejected handshake gets an HTTP response.
STARTS = frozenset({"http.response.start", "websocket.http.response.start"})
SWITCHING_PROTOCOLS = 101
INTERNAL_ERROR = 1011  # RFC 6455, section 7.4.1.

error_log = get_logger("error")


class RequestContextMiddleware:
    """Adds request id, timing and security headers to every response, and writes the access log."""

    def __init__(
        self, app: ASGIApp, *, security_headers: list[tuple[bytes, bytes]], proxies: TrustedProxies
    ) -> None:
        self.app = app
        self.proxies = proxies
        self.recorder = AccessRecorder()
        self.defaults = security_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        resolve_client(scope, self.proxies)
        begin(scope)
        status, seconds = 0, 0.0

        async def send_complete(message: Message) -> None:
            nonlocal status, seconds
            if message["type"] in STARTS:
                status, seconds = message["status"], time.perf_counter() - started
                self.complete(message, scope, seconds)
            elif message["type"] == "websocket.accept":
                status = SWITCHING_PROTOCOLS
                message["headers"] = [*message["headers"], request_id_header(scope)]
            await send(message)

        try:
            await self.app(scope, receive, send_complete)
        finally:
            self.recorder.record(scope, status, seconds or time.perf_counter() - started)

    def complete(self, message: Message, scope: Scope, seconds: float) -> None:
        sent = message.get("headers", ())
        names = {name for name, _ in sent}
        defaults = [default for default in self.defaults if default[0] not in names]
        own = [request_id_header(scope), (b"x-process-time", b"%.6f" % seconds)]
        message["headers"] = [*sent, *defaults, *own, *scope["extra_headers"]]


def begin(scope: Scope) -> None:
    """Set the request id, and containers that inner layers write to.

    HeadMiddleware passes a copy of the scope on, which shares these containers.
    """
    scope["request_id"] = accepted_request_id(scope) or uuid.uuid4().hex
    scope["extra_headers"] = []
    scope.setdefault("state", {})
    begin_request(scope["request_id"])


def request_id_header(scope: Scope) -> tuple[bytes, bytes]:
    return b"x-request-id", scope["request_id"].encode()


def accepted_request_id(scope: Scope) -> str | None:
    sent = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return sent.decode() if REQUEST_ID.fullmatch(sent) else None


class CatchAllMiddleware:
    """Responds to unexpected errors with a problem, so that the connection stays open.

    Otherwise the server would close the connection, and requests pipelined on it would fail.
    Runs inside CORS, so that a browser can read the problem.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        is_started = False

        async def send_tracked(message: Message) -> None:
            nonlocal is_started
            is_started = True
            await send(message)

        try:
            await self.app(scope, receive, send_tracked)
        except ClientDisconnect:
            return  # Within the request body: there is no client to respond to.
        except Exception:
            error_log.exception("unhandled exception", path=scope["path"])
            if is_started and scope["type"] == "http":
                raise
            await send_internal_error(scope, receive, send, is_started=is_started)


async def send_internal_error(
    scope: Scope, receive: Receive, send: Send, *, is_started: bool
) -> None:
    """Respond with 500, or close a WebSocket that was accepted before."""
    if not is_started:
        await problem_response(scope, AppError())(scope, receive, send)
        return
    with suppress(OSError, RuntimeError):  # The socket may be closed already.
        await send({"type": "websocket.close", "code": INTERNAL_ERROR})


class BodyLimitMiddleware:
    """Rejects a body over the limit without reading more than that.

    Starlette's own limit responds with text/plain, outside every other middleware.
    The limit is that of anonymous clients until `scope["max_body_bytes"]` is raised: by
    app/http/body_bounds.py for authenticated callers, and by routes that take uploads.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        scope["max_body_bytes"] = self.max_bytes
        declared = declared_length(scope)
        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            if declared > scope["max_body_bytes"]:
                raise too_large()
            message = await receive()
            if "rejection" in scope:  # Rejected while its body arrived.
                raise HTTPException(scope["rejection"].status)
            received += len(message.get("body", b""))
            if received > scope["max_body_bytes"]:
                raise too_large()
            return message

        await self.app(scope, receive_limited, send)


def too_large() -> HTTPException:
    # Closing stops the client; otherwise uvicorn would read the body to its end.
    return HTTPException(ContentTooLarge.status, headers={"Connection": "close"})


def declared_length(scope: Scope) -> int:
    """Return the Content-Length in bytes, 0 if it is missing or malformed.

    Of a longer number than MAX_DIGITS the first digits: more than any limit.
    """
    value = Headers(scope=scope).get("content-length", "").lstrip("0")
    return int(value[:MAX_DIGITS]) if value.isascii() and value.isdigit() else 0


class HeadMiddleware:
    """Responds to HEAD like to GET, without the body (RFC 9110, section 9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        # A copy, because the server reads from its own scope that no body follows.
        # `is_head` lets an endpoint that streams from remote storage skip the transfer.
        await self.app({**scope, "method": "GET", "is_head": True}, receive, send_without_body)


def security_headers(*, is_production: bool) -> list[tuple[bytes, bytes]]:
    """Return defaults for responses without such headers (OWASP REST Security Cheat Sheet)."""
    headers = [
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"no-referrer"),
        (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
        (b"cache-control", b"no-store"),
    ]
    if is_production:
        headers.append((b"strict-transport-security", b"max-age=63072000; includeSubDomains"))
    return headers
