"""Loops that live as long as the process."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from app.errors import AppError
from app.observability.logging import get_logger

TELL_AGAIN_SECONDS = 30.0

log = get_logger("background")


class BackgroundLoop(ABC):
    """Repeats `work`, with a pause in between, until it is closed.

    Whatever `work` raises is logged, and the loop goes on: there is nobody above it who
    could do better, and a loop that has ended is missed by nobody until it is too late.
    """

    name = "background"
    tell_again_seconds = TELL_AGAIN_SECONDS

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._told = ""
        self._told_at = 0.0

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def close(self) -> None:
        self._closing.set()
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @abstractmethod
    async def work(self) -> None:
        """One round."""

    @abstractmethod
    async def pause(self) -> None:
        """Wait for the next round."""

    async def _run(self) -> None:
        while not self._closing.is_set():
            try:
                await self.work()
            except Exception as error:  # noqa: BLE001  (see above; it is told)
                self._tell(error)
            if not self._closing.is_set():
                await self.pause()

    def _tell(self, error: Exception) -> None:
        """Now and then: a dozen loops that try each second would fill the log of an outage."""
        reason, now = type(error).__name__, time.monotonic()
        if reason == self._told and now < self._told_at + self.tell_again_seconds:
            return
        self._told, self._told_at = reason, now
        log.warning(
            "round failed, trying again",
            loop=self.name,
            reason=reason,
            # Of what is expected to fail now and then, the name says enough.
            exc_info=error if not isinstance(error, AppError) else None,
        )


def start_together(loops: Sequence[BackgroundLoop]) -> Callable[[], Awaitable[None]]:
    """Start them; return what closes them at once, since each may take the whole of its grace."""
    for loop in loops:
        loop.start()

    async def close() -> None:
        await asyncio.gather(*(loop.close() for loop in loops))

    return close
