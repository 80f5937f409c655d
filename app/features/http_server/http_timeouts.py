"""Timeouts of an HTTP/1.1 connection: idle, slow to send, and slow to read."""

from asyncio import BaseTransport, TimerHandle
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.errors import AppError
from app.features.http_server.stalls import StallGuard
from app.http.request_errors import RequestTimeout

# Of a body, within each `send_seconds`.
SEND_BYTES = 16 * 1024


class TimedHttpProtocol(StallGuard, HttpToolsProtocol):
    """A connection that a client cannot keep open by sending or reading slowly."""

    send_seconds = 15.0
    # The buffer holds one chunk of an export or a file, about 64 KiB, so that 2 KiB/s suffice.
    stall_seconds = 30.0

    is_in_head = False
    is_in_body = False
    # To a WebSocket, which has timeouts of its own.
    is_upgraded = False
    body_bytes = 0
    rejection: AppError | None = None
    send_timer: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.end_idle_time()
        self.stop_send_timer()

    def shutdown(self) -> None:
        super().shutdown()
        if self.transport.is_closing():
            self.transport.close()  # Ends the lingering, which no response needs.

    def end_idle_time(self) -> None:
        if self.timeout_keep_alive_task:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None

    def watch_sender(self) -> None:
        """Run the timer while the rest of a head or body is missing."""
        is_idle = self.cycle is None or self.cycle.response_complete
        is_waiting = self.is_in_head or self.is_in_body or is_idle
        if self.rejection or self.is_upgraded or not is_waiting:
            self.stop_send_timer()
        elif self.send_timer is None:
            self.start_send_timer()

    def start_send_timer(self) -> None:
        self.send_timer = self.loop.call_later(
            self.send_seconds, self.check_sender, self.body_bytes
        )

    def stop_send_timer(self) -> None:
        if self.send_timer:
            self.send_timer.cancel()
            self.send_timer = None

    def check_sender(self, bytes_before: int) -> None:
        """Reject a message of which too little arrived, unless the application paused the body."""
        is_fast = self.is_in_body and self.body_bytes - bytes_before >= SEND_BYTES
        if self.transport.is_closing():
            return
        if is_fast or self.flow.read_paused:
            self.start_send_timer()
        elif self.is_in_head or self.is_in_body:
            self.reject(RequestTimeout("The rest of the request did not arrive in time."))
        else:
            self.timeout_keep_alive_handler()

    def reject(self, error: AppError) -> Any:
        raise NotImplementedError
