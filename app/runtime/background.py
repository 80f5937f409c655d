"""Background loops, which run for the lifetime of the process."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from app.errors import AppError
from app.observability.logging import get_logger

LOG_AGAIN_SECONDS = 30.0

log = get_logger("background")


class BackgroundLoop(ABC):
    """Repeats `work`, with a pause in between, until it is closed.

    Errors of `work` are logged, and the loop continues: no caller could handle them, and the
    end of a loop would go unnoticed.
    """

    name = "background"
    log_again_seconds = LOG_AGAIN_SECONDS

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._logged = ""
        self._logged_at = 0.0

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
        """Run one round."""

    @abstractmethod
    async def pause(self) -> None:
        """Wait for the next round."""

    async def _run(self) -> None:
        while not self._closing.is_set():
            try:
                await self.work()
            except Exception as error:  # noqa: BLE001  (see above; it is logged)
                self._log(error)
            if not self._closing.is_set():
                await self.pause()

    def _log(self, error: Exception) -> None:
        """Log at intervals: a dozen loops that retry each second would fill the log."""
        reason, now = type(error).__name__, time.monotonic()
        if reason == self._logged and now < self._logged_at + self.log_again_seconds:
            return
        self._logged, self._logged_at = reason, now
        log.warning(
            "background iteration failed, retrying",
            loop=self.name,
            reason=reason,
            # For expected errors the name is sufficient.
            exc_info=error if not isinstance(error, AppError) else None,
        )


def start_together(loops: Sequence[BackgroundLoop]) -> Callable[[], Awaitable[None]]:
    """Start the loops; return a function that closes them concurrently.

    Each may use its whole grace period, which in sequence would add up.
    """
    for loop in loops:
        loop.start()

    async def close() -> None:
        await asyncio.gather(*(loop.close() for loop in loops))

    return close
