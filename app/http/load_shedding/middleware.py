"""Load shedding: rejects requests with 503 when the worker is saturated, and late answers with 504.

Probes always pass; callers with a recently verified credential have more capacity than others.
See docs/adr/0018-load-shedding.md.
"""

import asyncio
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import DeadlineExceeded
from app.http.load_shedding.concurrency_limit import ConcurrencyLimit, Overloaded, Work
from app.http.load_shedding.fair_queue import Client, RequestPacer
from app.http.problem_details import problem_response
from app.observability import metrics
from app.observability.access_log import route_template
from app.observability.logging import get_logger
from app.runtime.jitter import jitter
from app.security.client_address import client_network
from app.security.request_credentials import CREDENTIAL_FIELDS

PROBES = frozenset({"/liveness", "/readiness", "/health", "/metrics"})
# With jitter, so that clients rejected together do not all retry together.
RETRY_SECONDS = (1, 3)
KNOWN_SECONDS = 900.0
MAX_KNOWN = 10_000

log = get_logger("admission")


class LoadSheddingMiddleware:
    """Bounds concurrency and duration in one layer, because each layer costs the hot path."""

    def __init__(self, app: ASGIApp, *, limit: ConcurrencyLimit) -> None:
        self.app = app
        self._limit = limit
        self._known = KnownCredentials()
        self._pacer = RequestPacer()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._pacer.try_start():
            await self._pacer.wait(client_of(scope))
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self.app(scope, receive, send)
        elif self._limit.has_capacity(False) or await self._is_admitted(scope):
            await AdmittedRequest(self._limit, scope, receive, send).run(self.app)
            self._known.remember(scope)
        else:
            self._limit.on_rejected()
            scope["state"]["is_refused"] = True
            error = Overloaded(retry_after_seconds=round(jitter(*RETRY_SECONDS)))
            await problem_response(scope, error)(scope, receive, send)

    async def _is_admitted(self, scope: Scope) -> bool:
        is_known = self._known.includes(scope)
        if self._limit.has_capacity(is_known):
            return True
        return await self._limit.wait(client_of(scope), is_known=is_known)


class KnownCredentials:
    """Credentials verified within the last 15 minutes. They give priority, and no access."""

    def __init__(self) -> None:
        self._until: dict[bytes, float] = {}

    def includes(self, scope: Scope) -> bool:
        return self._until.get(credential(scope), 0) > time.monotonic()

    def remember(self, scope: Scope) -> None:
        if "principal_id" not in scope["state"]:
            return
        key = credential(scope)
        self._until.pop(key, None)
        if len(self._until) >= MAX_KNOWN:
            del self._until[next(iter(self._until))]
        self._until[key] = time.monotonic() + KNOWN_SECONDS


def client_of(scope: Scope) -> Client:
    """Return the client of fair queues; probes do not wait for other requests of their network."""
    peer = scope.get("client")
    network = client_network(peer[0]) if peer else ""
    is_probe = scope["path"] in PROBES
    return (f"{network} probes" if is_probe else network), credential(scope)


def credential(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name in CREDENTIAL_FIELDS:
            return bytes(value)
    return b""


class AdmittedRequest:
    """One request in flight; answers it with 504 when its deadline has passed."""

    def __init__(self, limit: ConcurrencyLimit, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._has_body = scope["method"] not in {"GET", "HEAD"}
        self._task = asyncio.current_task()
        self._late_answer: asyncio.Task[None] | None = None
        self._work: Work = limit.begin(self._expire)
        scope["state"]["work"] = self._work

    async def run(self, app: ASGIApp) -> None:
        try:
            await app(self._scope, self.receive, self.send)
        except asyncio.CancelledError:
            if self._late_answer is None or self._task is None:
                raise  # The server is stopping, or the client has disconnected.
            self._task.uncancel()
        finally:
            self._work.end()
            if self._late_answer:
                await self._late_answer

    async def receive(self) -> Message:
        if not self._has_body:
            return await self._receive()
        with self._work.waiting_for_client():
            message = await self._receive()
        self._has_body = message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if self._late_answer:
            return
        if message["type"] == "http.response.start":
            self._work.stop_clock()
            is_stream = not any(name == b"content-length" for name, _ in message["headers"])
        else:
            is_stream = message.get("more_body", False)
        if is_stream:
            self._work.end()
        await self._send(message)

    def _expire(self) -> None:
        # In another task: the clean-up of the request may wait for what does not respond.
        self._late_answer = asyncio.create_task(self._answer_late())
        if self._task:
            self._task.cancel()

    async def _answer_late(self) -> None:
        metrics.REQUESTS_EXPIRED.inc()
        log.warning(
            "deadline exceeded",
            request_id=self._scope["request_id"],
            method=self._scope["method"],
            path=self._scope["path"],
            route=route_template(self._scope),
        )
        answer = problem_response(self._scope, DeadlineExceeded())
        await answer(self._scope, self._receive, self._send)
