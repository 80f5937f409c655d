"""Traces: what one request did, over all the processes that took part in it."""

from opentelemetry import trace
from structlog.typing import EventDict, WrappedLogger


def add_trace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Let a line of the log and the trace that it belongs to be found by one another."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event
