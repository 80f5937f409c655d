"""Traces of the process: the spans of FastAPI and of `app.observability.tracing`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi.telemetry import TelemetryConfig

from app.config.settings import Settings
from app.features.tracing.settings import TracingSettings
from app.features.tracing.spans import RecordedSpans
from app.observability.tracing import Spans, Tracing
from app.startup import Startup


@dataclass(frozen=True, slots=True)
class TracingResources:
    spans: Spans


def create_telemetry(settings: Settings) -> TelemetryConfig:
    """Create the exporter if an endpoint is set, and enable the spans of FastAPI."""
    endpoint = settings.of(TracingSettings).traces_endpoint
    if not endpoint:
        return {}
    # The SDK is a large import that is rarely needed.
    from app.features.tracing.export import create_provider
    from app.features.tracing.sampling import RequestSampler

    provider = create_provider(settings, endpoint)
    Tracing.spans = RecordedSpans(provider, settings.version)
    return {
        "tracing": True,
        "operation_spans": False,  # See docs/adr/0013.
        "tracer_provider": provider,
        "exclude": RequestSampler(provider).excludes,
    }


@asynccontextmanager
async def lifespan(_: Startup) -> AsyncIterator[TracingResources]:
    """Export the remaining spans at the end."""
    spans = Tracing.spans
    try:
        yield TracingResources(spans)
    finally:
        if isinstance(spans, RecordedSpans):
            Tracing.spans = Spans()
            spans.close()
