"""Traces: what one request did, over all the services that took part in it.

Off, and free of cost, unless OTEL_EXPORTER_OTLP_ENDPOINT says where to. FastAPI makes the
spans of requests, dependencies and endpoints; see docs/operations.md for the variables.
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
    """The one tracer of the process, once `app.observability.trace_export` has made it."""

    tracer: Tracer | None = None


def add_trace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Let a line of the log and the trace that it belongs to be found by one another."""
    if Tracing.tracer is None:
        return event
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event


def record_statement(sql: str, seconds: float) -> None:
    """Add a span for a statement that has just ended; `sql` is without values."""
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
    """What names the current span to others (W3C Trace Context, section 3.2), if there is one."""
    if Tracing.tracer is None:
        return None
    carrier: dict[str, str] = {}
    PROPAGATOR.inject(carrier)
    return carrier.get("traceparent")


@contextmanager
def job_span(kind: str, traceparent: str | None) -> Iterator[None]:
    """The trace of one attempt, with a link to the one that it was enqueued in.

    A trace of its own: a job may run hours later, and often.
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
    """A span for a request to another service; of its URL only the host is told."""
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
