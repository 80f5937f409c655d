"""Database instrumentation: durations of statements and of waits for a connection."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

from app.observability import metrics
from app.observability.logging import get_logger
from app.observability.tracing import Tracing

log = get_logger("database")

OPERATIONS = {
    word: metrics.STATEMENT_SECONDS.labels(word)
    for word in ("SELECT", "INSERT", "UPDATE", "DELETE", "other")
}
WORD_LENGTH = 6
SLOW_SECONDS = 0.5


def observe(sql: str, seconds: float) -> None:
    """Record the duration of a statement; `sql` has placeholders instead of values."""
    OPERATIONS.get(sql[:WORD_LENGTH], OPERATIONS["other"]).observe(seconds)
    Tracing.spans.record_statement(sql, seconds)
    if seconds > SLOW_SECONDS:
        log.warning("slow statement", sql=sql, milliseconds=round(seconds * 1000))


def instrument_engine(engine: Engine) -> None:
    event.listen(engine, "before_cursor_execute", record_start)
    event.listen(engine, "after_cursor_execute", record_end)
    event.listen(engine, "handle_error", record_failure)


def record_start(_: Any, __: Any, ___: Any, ____: Any, context: Any, _____: bool) -> None:
    context.started = time.perf_counter()


def record_end(_: Any, __: Any, sql: str, ___: Any, context: Any, ____: bool) -> None:
    observe(sql, time.perf_counter() - context.started)


def record_failure(context: ExceptionContext) -> None:
    """Record failed statements too: those that timed out are the slowest of all."""
    started = getattr(context.execution_context, "started", None)
    if started is not None and context.statement is not None:
        observe(context.statement, time.perf_counter() - started)


class WaitTimes:
    """Durations of waits for a connection; only requests that find none free are counted."""

    def __init__(self, pool: str) -> None:
        self._seconds = metrics.POOL_WAIT_SECONDS.labels(pool)

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Record the duration of the block as one wait."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._seconds.observe(time.perf_counter() - started)
