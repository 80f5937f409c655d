"""Tracing: the spans of statements, jobs and outbound requests, which a feature may record."""

from contextlib import AbstractContextManager, nullcontext


class Spans:
    """Spans that are not recorded; a recorder overrides all methods."""

    def log_fields(self) -> dict[str, str]:
        """Return the ids of the current trace and span for a log line."""
        return {}

    def traceparent(self) -> str | None:
        """Return the `traceparent` of the current span (W3C Trace Context, section 3.2)."""
        return None

    def record_statement(self, sql: str, seconds: float) -> None:
        """Add a span for a statement that has just ended; `sql` has placeholders for values."""

    def job(self, kind: str, traceparent: str | None) -> AbstractContextManager[object]:
        """Start the trace of one attempt at a job; `traceparent` is that of its origin."""
        return nullcontext((kind, traceparent))

    def outbound(self, method: str, host: str) -> AbstractContextManager[object]:
        """Start a span for a request to another service."""
        return nullcontext((method, host))


class Tracing:
    """The spans of the process."""

    spans = Spans()
