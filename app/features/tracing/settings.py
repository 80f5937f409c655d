"""Settings of tracing, named as in OpenTelemetry, whose SDK reads its other variables itself."""

from pydantic import Field

from app.config.settings_group import SettingsGroup


class TracingSettings(SettingsGroup):
    otel_exporter_otlp_endpoint: str = Field(default="", pattern=r"^(https?://.+)?$")
    otel_exporter_otlp_traces_endpoint: str = Field(default="", pattern=r"^(https?://.+)?$")

    @property
    def traces_endpoint(self) -> str:
        """The URL for traces, empty if they are not exported; the general one is a collector."""
        collector = self.otel_exporter_otlp_endpoint.rstrip("/")
        general = f"{collector}/v1/traces" if collector else ""
        return self.otel_exporter_otlp_traces_endpoint or general


group = TracingSettings
