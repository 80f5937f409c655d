"""Watchdog: ends a process whose event loop is blocked, and logs its stack."""

import os
import sys
import threading
import traceback

from app.observability.log_writer import LogWriter
from app.observability.logging import get_logger

EXIT_CODE = 70  # EX_SOFTWARE of sysexits.h
CHECKS = 10

log = get_logger("watchdog")


class Watchdog:
    """A thread that ends the process when the loop has not ticked for `seconds`.

    It logs where the loop is blocked; the supervisor starts another worker. It counts its own
    checks instead of the time, so that a process that was itself suspended is not ended.
    """

    def __init__(self, seconds: float, writer: LogWriter) -> None:
        self._seconds = seconds
        self._writer = writer
        self._ticks = 0
        self._closing = threading.Event()
        self._loop_thread = 0

    def start(self) -> None:
        """Start the thread; must be called in the thread of the loop."""
        self._loop_thread = threading.get_ident()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def close(self) -> None:
        self._closing.set()

    def on_tick(self) -> None:
        self._ticks += 1

    def _watch(self) -> None:
        seen, silent = self._ticks, 0
        while not self._closing.wait(self._seconds / CHECKS):
            silent = silent + 1 if self._ticks == seen else 0
            seen = self._ticks
            if silent >= CHECKS:
                self._end()

    def _end(self) -> None:
        stack = traceback.format_stack(sys._current_frames()[self._loop_thread])  # noqa: SLF001  (in the manual of Python)
        log.critical("event loop stuck", seconds=self._seconds, stack="".join(stack))
        self._writer.close()
        os._exit(EXIT_CODE)
