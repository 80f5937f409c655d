"""Log writer: non-blocking output of log lines to standard output, from a thread."""

import json
import threading
from collections import deque
from contextlib import suppress
from typing import TextIO

from app.observability import metrics

CAPACITY = 10_000
PAUSE_SECONDS = 0.05
# The reader of the output may have stopped reading; the process must still end.
CLOSE_SECONDS = 2.0


class LogWriter:
    """A text file that never blocks while its thread runs; before and after it writes directly.

    Standard output is often a pipe: a slow reader would block the event loop. Lines that do
    not fit into the queue are dropped, and the next line written reports their number.
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
        """Write the queue and stop the thread; from now on each line is written directly."""
        if self._thread is None:
            return
        self._stopping.set()
        self._thread.join(self._close_seconds)
        # A blocked thread keeps the queue: writing directly would block as well.
        if not self._thread.is_alive():
            self.write_queued()
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

    def write_queued(self) -> None:
        """Write the queue, in the calling thread."""
        # A closed standard output cannot be reported anywhere.
        with self._writing, suppress(OSError):
            lines = "".join(self._dequeue())
            if lines:
                self._stream.write(lines)
                self._stream.flush()

    def _dequeue(self) -> list[str]:
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        dropped, self._dropped = self._dropped, 0
        if dropped:
            line = {"event": "log lines dropped", "level": "warning", "count": dropped}
            lines.append(f"{json.dumps(line)}\n")
        return lines

    def _run(self) -> None:
        while not self._stopping.wait(PAUSE_SECONDS):
            self.write_queued()
