"""Tracing with OpenTelemetry: spans of statements, jobs and outbound requests.

Off, and free of cost, unless OTEL_EXPORTER_OTLP_ENDPOINT is set. FastAPI creates the spans
of requests, dependencies and endpoints; see docs/operations.md for the variables.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from structlog.typing import EventDict, WrappedLogger

PROPAGATOR = TraceContextTextMapPropagator()


class Tracing:
    """The tracer of the process, set by `app.observability.trace_export`."""

    tracer: Tracer | None = None


def add_trace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Add trace id and span id to a log line."""
    if Tracing.tracer is None:
        return event
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event


def record_statement(sql: str, seconds: float) -> None:
    """Add a span for a statement that has just ended; `sql` has placeholders for values."""
    if Tracing.tracer is None or not trace.get_current_span().is_recording():
        return
    ended = time.time_ns()
    operation = sql.split(maxsplit=1)[0]
    span = Tracing.tracer.start_span(
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


def current_traceparent() -> str | None:
    """Return the `traceparent` of the current span (W3C Trace Context, section 3.2), or None."""
    if Tracing.tracer is None:
        return None
    carrier: dict[str, str] = {}
    PROPAGATOR.inject(carrier)
    return carrier.get("traceparent")


@contextmanager
def job_span(kind: str, traceparent: str | None) -> Iterator[None]:
    """Start the trace of one attempt, with a link to the trace in which it was enqueued.

    Not a child span: a job may run hours later, and several times.
    """
    if Tracing.tracer is None:
        yield
        return
    origin = PROPAGATOR.extract({"traceparent": traceparent or ""})
    cause = trace.get_current_span(origin).get_span_context()
    links = [trace.Link(cause)] if cause.is_valid else []
    with Tracing.tracer.start_as_current_span(
        kind,
        context=Context(),
        kind=SpanKind.CONSUMER,
        links=links,
        record_exception=False,
        set_status_on_exception=False,
    ):
        yield


@contextmanager
def outbound_span(method: str, host: str) -> Iterator[None]:
    """Start a span for a request to another service; of its URL it contains only the host."""
    if Tracing.tracer is None:
        yield
        return
    with Tracing.tracer.start_as_current_span(
        method,
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
