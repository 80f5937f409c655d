"""Load shedding: rejects requests with 503 when the worker is saturated, and late answers with 504.

Probes always pass; callers who were signed in a moment ago have more room than others.
See docs/adr/0018-load-is-shed-by-lateness.md.
"""

import asyncio
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import DeadlineExceeded
from app.http.load_shedding.concurrency_limit import Load, Overloaded, Work
from app.http.load_shedding.fair_queue import Client, RequestPacer
from app.http.problem_details import problem_response
from app.observability import metrics
from app.observability.access_log import route_template
from app.observability.logging import get_logger
from app.runtime.jitter import jitter
from app.security.client_address import client_network
from app.security.request_credentials import CREDENTIAL_FIELDS

PROBES = frozenset({"/liveness", "/readiness", "/health", "/metrics"})
# Spread, so that those who were refused together do not all come back together.
RETRY_SECONDS = (1, 3)
KNOWN_SECONDS = 900.0
MAX_KNOWN = 10_000

log = get_logger("admission")


class LoadSheddingMiddleware:
    """One layer for both, because each costs the hot path."""

    def __init__(self, app: ASGIApp, *, load: Load) -> None:
        self.app = app
        self._load = load
        self._known = KnownCredentials()
        self._pacer = RequestPacer()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._pacer.try_start():
            await self._pacer.wait(client_of(scope))
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self.app(scope, receive, send)
        elif self._load.has_room(False) or await self._gets_in(scope):
            await Admitted(self._load, scope, receive, send).run(self.app)
            self._known.remember(scope)
        else:
            self._load.refuse()
            scope["state"]["is_refused"] = True
            error = Overloaded(retry_after_seconds=round(jitter(*RETRY_SECONDS)))
            await problem_response(scope, error)(scope, receive, send)

    async def _gets_in(self, scope: Scope) -> bool:
        is_known = self._known.includes(scope)
        if self._load.has_room(is_known):
            return True
        return await self._load.wait(client_of(scope), is_known=is_known)


class KnownCredentials:
    """Credentials that were good in the last quarter of an hour; they open nothing here."""

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
    """The client in fair queues; probes do not wait for other requests of their network."""
    peer = scope.get("client")
    network = client_network(peer[0]) if peer else ""
    is_probe = scope["path"] in PROBES
    return (f"{network} probes" if is_probe else network), credential(scope)


def credential(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name in CREDENTIAL_FIELDS:
            return bytes(value)
    return b""


class Admitted:
    """One request that was let in: counted until it is answered, answered when it is due."""

    def __init__(self, load: Load, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._has_body = scope["method"] not in {"GET", "HEAD"}
        self._task = asyncio.current_task()
        self._late_answer: asyncio.Task[None] | None = None
        self._work: Work = load.begin(self._expire)
        scope["state"]["work"] = self._work

    async def run(self, app: ASGIApp) -> None:
        try:
            await app(self._scope, self.receive, self.send)
        except asyncio.CancelledError:
            if self._late_answer is None or self._task is None:
                raise  # The server is stopping, or the client has left.
            self._task.uncancel()
        finally:
            self._work.end()
            if self._late_answer:
                await self._late_answer

    async def receive(self) -> Message:
        if not self._has_body:
            return await self._receive()
        with self._work.for_client():
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
        # From outside the request, whose clean-up may wait for what does not answer.
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
