"""A process whose event loop is stuck answers nobody, and nobody outside can tell why."""

import os
import sys
import threading
import traceback

from app.observability.log_writer import LogWriter
from app.observability.logging import get_logger

EXIT_CODE = 70  # EX_SOFTWARE of sysexits.h
LOOKS = 10

log = get_logger("watchdog")


class Watchdog:
    """A thread that ends the process when the loop has not come round for `seconds`.

    It logs where the loop is stuck; the supervisor starts another worker. It counts its own
    looks instead of the time, so that a process that was itself stopped is not blamed.
    """

    def __init__(self, seconds: float, writer: LogWriter) -> None:
        self._seconds = seconds
        self._writer = writer
        self._beats = 0
        self._closing = threading.Event()
        self._loop_thread = 0

    def start(self) -> None:
        """To be called in the thread of the loop."""
        self._loop_thread = threading.get_ident()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def close(self) -> None:
        self._closing.set()

    def on_tick(self, _: float) -> None:
        self._beats += 1

    def _watch(self) -> None:
        seen, silent = self._beats, 0
        while not self._closing.wait(self._seconds / LOOKS):
            silent = silent + 1 if self._beats == seen else 0
            seen = self._beats
            if silent >= LOOKS:
                self._end()

    def _end(self) -> None:
        stack = traceback.format_stack(sys._current_frames()[self._loop_thread])  # noqa: SLF001  (in the manual of Python)
        log.critical("event loop stuck", seconds=self._seconds, stack="".join(stack))
        self._writer.close()
        os._exit(EXIT_CODE)
