"""Lines of the log on their way to standard output, without anybody waiting for it."""

import json
import threading
from collections import deque
from contextlib import suppress
from typing import TextIO

from app.observability import metrics

CAPACITY = 10_000
PAUSE_SECONDS = 0.05
# Whoever reads our output may have stopped reading; the process ends all the same.
CLOSE_SECONDS = 2.0


class LogWriter:
    """A text file that never blocks while its thread runs, and writes at once before and after.

    Standard output is often a pipe: whoever reads it slowly would stop the event loop. What
    does not fit into the queue is dropped, and the next line that gets through counts it.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        capacity: int = CAPACITY,
        close_seconds: float = CLOSE_SECONDS,
    ) -> None:
        self._stream = stream
        self._capacity = capacity
        self._close_seconds = close_seconds
        self._lines: deque[str] = deque()
        self._dropped = 0
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._writing = threading.Lock()

    def start(self) -> None:
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="log writer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what waits; from now on each line is written at once."""
        if self._thread is None:
            return
        self._stopping.set()
        self._thread.join(self._close_seconds)
        # A thread that is stuck keeps the queue: writing at once would be stuck as well.
        if not self._thread.is_alive():
            self.write_waiting()
            self._thread = None

    def write(self, text: str) -> None:
        if self._thread is None:
            self._stream.write(text)
        elif len(self._lines) < self._capacity:
            self._lines.append(text)
        else:
            self._dropped += 1
            metrics.LOG_LINES_DROPPED.inc()

    def flush(self) -> None:
        if self._thread is None:
            self._stream.flush()

    def write_waiting(self) -> None:
        """Write what waits, in the thread that asks."""
        # There is nobody to tell when standard output itself is gone.
        with self._writing, suppress(OSError):
            lines = "".join(self._taken())
            if lines:
                self._stream.write(lines)
                self._stream.flush()

    def _taken(self) -> list[str]:
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        dropped, self._dropped = self._dropped, 0
        if dropped:
            line = {"event": "log lines dropped", "level": "warning", "count": dropped}
            lines.append(f"{json.dumps(line)}\n")
        return lines

    def _run(self) -> None:
        while not self._stopping.wait(PAUSE_SECONDS):
            self.write_waiting()
