"""What is seen of every statement and of every wait for a connection."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import AsyncAdaptedQueuePool, Engine, event
from sqlalchemy.engine import ExceptionContext

from app.core import metrics
from app.core.logging import get_logger

log = get_logger("database")

OPERATIONS = {
    word: metrics.STATEMENT_SECONDS.labels(word)
    for word in ("SELECT", "INSERT", "UPDATE", "DELETE", "other")
}
WORD_LENGTH = 6
SLOW_SECONDS = 0.5


def observe(sql: str, seconds: float) -> None:
    """Take down how long a statement took; `sql` has parameters in the place of values."""
    OPERATIONS.get(sql[:WORD_LENGTH], OPERATIONS["other"]).observe(seconds)
    if seconds > SLOW_SECONDS:
        log.warning("slow statement", sql=sql, milliseconds=round(seconds * 1000))


def observe_engine(engine: Engine) -> None:
    event.listen(engine, "before_cursor_execute", note_start)
    event.listen(engine, "after_cursor_execute", note_end)
    event.listen(engine, "handle_error", note_failure)


def note_start(_: Any, __: Any, ___: Any, ____: Any, context: Any, _____: bool) -> None:
    context.started = time.perf_counter()


def note_end(_: Any, __: Any, sql: str, ___: Any, context: Any, ____: bool) -> None:
    observe(sql, time.perf_counter() - context.started)


def note_failure(context: ExceptionContext) -> None:
    """What ran into a timeout is the slowest of all."""
    started = getattr(context.execution_context, "started", None)
    if started is not None and context.statement is not None:
        observe(context.statement, time.perf_counter() - started)


@contextmanager
def waiting(pool: str) -> Iterator[None]:
    """Take down how long somebody waits for a connection inside."""
    started = time.perf_counter()
    try:
        yield
    finally:
        metrics.POOL_WAIT_SECONDS.labels(pool).observe(time.perf_counter() - started)


class ObservedPool(AsyncAdaptedQueuePool):
    """The write pool; only who finds every connection in use counts as waiting."""

    @property
    def limit(self) -> int:
        return self.size() + self._max_overflow

    def _do_get(self) -> Any:
        if self.checkedout() < self.limit:
            return super()._do_get()
        with waiting("write"):
            return super()._do_get()
