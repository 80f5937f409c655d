"""Trace export. Imported only where traces are exported: the SDK is slow to load."""

import os

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from app.config.settings import Settings
from app.features.tracing.sampling import DecidedIds
from app.observability.redaction import REDACTED

NAMES = ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES")
QUERY = "url.query"


class RedactedSpans(SpanProcessor):
    """Redacts the query of URLs in spans: it contains the tokens of links in mails."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002  (OpenTelemetry's)
        if span.attributes and QUERY in span.attributes:
            span.set_attribute(QUERY, REDACTED)


def create_provider(settings: Settings, endpoint: str) -> TracerProvider:
    """Create the provider that exports spans to the collector."""
    described = {"service.version": settings.version}
    if not any(os.environ.get(name) for name in NAMES):
        described["service.name"] = settings.project_name
    exporter = OTLPSpanExporter(endpoint=endpoint)
    resource = Resource.create(described)
    provider = TracerProvider(resource=resource, shutdown_on_exit=False, id_generator=DecidedIds())
    provider.add_span_processor(RedactedSpans())
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
