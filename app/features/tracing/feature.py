"""Traces with OpenTelemetry, exported while OTEL_EXPORTER_OTLP_ENDPOINT is set."""

from app.feature import Feature
from app.features.tracing.telemetry import create_telemetry, lifespan

feature = Feature(
    name="tracing",
    telemetry=create_telemetry,
    lifespan=lifespan,
)
