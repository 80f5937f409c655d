"""Watchdog: ends a process whose event loop is blocked, and logs its stack."""

import asyncio
import os
import sys
import threading
import traceback

from app.features.log_writer.log_writer import LogWriter
from app.observability.logging import get_logger
from app.runtime.background import BackgroundLoop

EXIT_CODE = 70  # EX_SOFTWARE of sysexits.h
CHECKS = 10

log = get_logger("watchdog")


class Watchdog(BackgroundLoop):
    """A loop, and a thread that ends the process when the loop has not run for `seconds`.

    It logs where the loop is blocked; the supervisor starts another worker. It counts its own
    checks instead of the time, so that a process that was itself suspended is not ended.
    """

    name = "watchdog"

    def __init__(self, seconds: float, writer: LogWriter) -> None:
        super().__init__()
        self._seconds = seconds
        self._writer = writer
        self._ticks = 0
        self._is_closed = threading.Event()
        self._loop_thread = 0

    def start(self) -> None:
        super().start()
        self._loop_thread = threading.get_ident()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    async def close(self) -> None:
        self._is_closed.set()
        await super().close()

    async def work(self) -> None:
        self._ticks += 1

    async def pause(self) -> None:
        await asyncio.sleep(self._seconds / CHECKS / 2)

    def _watch(self) -> None:
        seen, silent = self._ticks, 0
        while not self._is_closed.wait(self._seconds / CHECKS):
            silent = silent + 1 if self._ticks == seen else 0
            seen = self._ticks
            if silent >= CHECKS:
                self._end()

    def _end(self) -> None:
        stack = traceback.format_stack(sys._current_frames()[self._loop_thread])  # noqa: SLF001  (in the manual of Python)
        log.critical("event loop stuck", seconds=self._seconds, stack="".join(stack))
        self._writer.close()
        os._exit(EXIT_CODE)
