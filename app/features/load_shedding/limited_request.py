"""Limited request: one in flight, with a slot of the concurrency limit and a deadline."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import DeadlineExceeded
from app.features.load_shedding.concurrency_limit import Client, ConcurrencyLimit
from app.http.problem_details import problem_response
from app.http.request_limits import RequestLimits
from app.observability import metrics
from app.observability.access_log import route_template
from app.observability.logging import get_logger

log = get_logger("admission")


class LimitedRequest(RequestLimits):
    """Occupies a slot that was acquired; responds with 504 when its deadline has passed."""

    def __init__(
        self, limit: ConcurrencyLimit, client: Client, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._limit = limit
        self._client = client
        self._scope = scope
        self._receive = receive
        self._send = send
        self._has_body = scope["method"] not in {"GET", "HEAD"}
        self._task = asyncio.current_task()
        self._late_response: asyncio.Task[None] | None = None
        self._is_counted = self._is_timed = True

    async def run(self, app: ASGIApp, *, deadline: float) -> None:
        """Call the application; the deadline is a time of the event loop."""
        self._set_deadline(deadline)
        try:
            await app(self._scope, self._receive_body, self._send_in_time)
        except asyncio.CancelledError:
            if self._late_response is None or self._task is None:
                raise  # The server is stopping, or the client has disconnected.
            self._task.uncancel()
        finally:
            self._end()
            if self._late_response:
                await self._late_response

    def remove_deadline(self) -> None:
        """Remove the deadline of a request that has other limits."""
        self._is_timed = False
        self._timer.cancel()

    @contextmanager
    def without_slot(self) -> Iterator[None]:
        """Release the slot for the duration of the block; the deadline still applies."""
        self._limit.leave(self._client)
        try:
            yield
        finally:
            self._limit.enter(self._client)

    async def _receive_body(self) -> Message:
        """Receive a part; waiting for the client occupies no slot and moves the deadline."""
        if not self._has_body:
            return await self._receive()
        loop = asyncio.get_running_loop()
        started = loop.time()
        self._timer.cancel()
        with self.without_slot():
            message = await self._receive()
        if self._is_timed:
            self._set_deadline(self._deadline + loop.time() - started)
        self._has_body = message.get("more_body", False)
        return message

    async def _send_in_time(self, message: Message) -> None:
        if self._late_response:
            return
        if message["type"] == "http.response.start":
            self.remove_deadline()
            is_stream = not any(name == b"content-length" for name, _ in message["headers"])
        else:
            is_stream = message.get("more_body", False)
        if is_stream:
            self._end()
        await self._send(message)

    def _set_deadline(self, deadline: float) -> None:
        self._deadline = deadline
        self._timer = asyncio.get_running_loop().call_at(deadline, self._expire)

    def _end(self) -> None:
        """Release the slot: the duration of the rest depends on the client."""
        self.remove_deadline()
        if self._is_counted:
            self._is_counted = False
            self._limit.leave(self._client)

    def _expire(self) -> None:
        # In another task: the clean-up of the request may wait for what does not respond.
        self._late_response = asyncio.create_task(self._respond_late())
        if self._task:
            self._task.cancel()

    async def _respond_late(self) -> None:
        metrics.REQUESTS_EXPIRED.inc()
        log.warning(
            "deadline exceeded", method=self._scope["method"], route=route_template(self._scope)
        )
        response = problem_response(self._scope, DeadlineExceeded())
        await response(self._scope, self._receive, self._send)
