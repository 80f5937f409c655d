"""Stalled-reader protection: a protocol mixin that aborts connections whose peer stops reading.

uvicorn waits without limit for a peer to read. Such a peer would hold the memory of a response,
a slot of the concurrency limiter and a database connection without limit.
"""

import asyncio
from typing import Any


class StallGuard(asyncio.Protocol):
    """Starts a timer when the write buffer is full and cancels it when the buffer has drained.

    Must precede uvicorn's class in the list of bases.
    """

    stall_seconds = 10.0
    loop: asyncio.AbstractEventLoop
    transport: Any
    stall: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self.stall = self.loop.call_later(self.stall_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self.stop_stall_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.stop_stall_timer()

    def stop_stall_timer(self) -> None:
        if self.stall:
            self.stall.cancel()
            self.stall = None
