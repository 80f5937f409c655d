"""Sampling of requests, decided before FastAPI creates anything for the trace of a request.

A request that is not sampled has a trace id and a span id for its log lines and for the services
that it calls, and no span.
"""

from contextvars import ContextVar

from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from starlette.types import Scope

from app.features.tracing.spans import UNSAMPLED
from app.http.health import PROBES

NO_PARENT = Context()
# The id of the trace that FastAPI is about to start: the sampler has seen it already.
DECIDED: ContextVar[int | None] = ContextVar("decided", default=None)


class DecidedIds(RandomIdGenerator):
    """Random ids, except for the trace of a request that is sampled."""

    def generate_trace_id(self) -> int:
        decided = DECIDED.get()
        if decided is None:
            return super().generate_trace_id()
        DECIDED.set(None)
        return decided


class RequestSampler:
    """Applies the sampler of OTEL_TRACES_SAMPLER to requests that begin a trace."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        fields = propagate.get_global_textmap().fields
        self._fields = frozenset(name.lower().encode() for name in fields)

    def excludes(self, scope: Scope) -> bool:
        """Return whether FastAPI creates no spans: for probes, and for what is not sampled."""
        UNSAMPLED.set(None)
        if scope["path"] in PROBES:
            return True
        if any(name in self._fields for name, _ in scope["headers"]):
            return False  # It continues the trace of the client.
        ids = self._provider.id_generator
        trace_id = ids.generate_trace_id()
        if self._samples(trace_id, scope):
            DECIDED.set(trace_id)
            return False
        flags = TraceFlags(TraceFlags.RANDOM_TRACE_ID)
        span = SpanContext(trace_id, ids.generate_span_id(), is_remote=False, trace_flags=flags)
        UNSAMPLED.set(span)
        return True

    def _samples(self, trace_id: int, scope: Scope) -> bool:
        method, attributes = scope.get("method", "WS"), {"url.path": scope["path"]}
        sampler = self._provider.sampler
        result = sampler.should_sample(NO_PARENT, trace_id, method, SpanKind.SERVER, attributes)
        return result.decision is not Decision.DROP
