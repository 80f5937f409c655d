"""Spans of OpenTelemetry for statements, jobs and outbound requests.

FastAPI creates the spans of requests.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from app.observability.tracing import Spans

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider  # A large import that is rarely needed.

# An unreachable collector must not keep the process from ending.
CLOSE_SECONDS = 2.0
PROPAGATOR = TraceContextTextMapPropagator()
# Of the current request, if it is not sampled.
UNSAMPLED: ContextVar[trace.SpanContext | None] = ContextVar("unsampled", default=None)


def current_span() -> trace.Span:
    """Return the current span, or in its place the ids of a request that is not sampled."""
    span, unsampled = trace.get_current_span(), UNSAMPLED.get()
    if unsampled is None or span.get_span_context().is_valid:
        return span
    return trace.NonRecordingSpan(unsampled)


class RecordedSpans(Spans):
    """Spans of a provider, which exports them."""

    def __init__(self, provider: "TracerProvider", version: str) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("app", version)

    def close(self) -> None:
        """Export the remaining spans, for at most `CLOSE_SECONDS`."""
        sending = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        sending.start()
        sending.join(CLOSE_SECONDS)

    def log_fields(self) -> dict[str, str]:
        context = current_span().get_span_context()
        if not context.is_valid:
            return {}
        return {
            "trace_id": trace.format_trace_id(context.trace_id),
            "span_id": trace.format_span_id(context.span_id),
        }

    def traceparent(self) -> str | None:
        carrier: dict[str, str] = {}
        PROPAGATOR.inject(carrier, trace.set_span_in_context(current_span()))
        return carrier.get("traceparent")

    def record_statement(self, sql: str, seconds: float) -> None:
        if not trace.get_current_span().is_recording():
            return
        ended = time.time_ns()
        operation = sql.split(maxsplit=1)[0]
        span = self._tracer.start_span(
            operation,
            kind=SpanKind.CLIENT,
            start_time=ended - int(seconds * 1e9),
            attributes={
                "db.system.name": "postgresql",
                "db.operation.name": operation,
                "db.query.text": sql,
            },
        )
        span.end(ended)

    @contextmanager
    def job(self, kind: str, traceparent: str | None) -> Iterator[None]:
        """Start a trace with a link to the origin of the job.

        Not a child span: a job may run hours later, and several times.
        """
        origin = PROPAGATOR.extract({"traceparent": traceparent or ""})
        cause = trace.get_current_span(origin).get_span_context()
        links = [trace.Link(cause)] if cause.is_valid else []
        with self._tracer.start_as_current_span(
            kind,
            context=Context(),
            kind=SpanKind.CONSUMER,
            links=links,
            record_exception=False,
            set_status_on_exception=False,
        ):
            yield

    @contextmanager
    def outbound(self, method: str, host: str) -> Iterator[None]:
        """Start a span; of the URL it contains only the host."""
        with self._tracer.start_as_current_span(
            method,
            trace.set_span_in_context(current_span()),
            kind=SpanKind.CLIENT,
            attributes={"http.request.method": method, "server.address": host},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except Exception as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(StatusCode.ERROR)
                raise
