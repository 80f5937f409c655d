"""Metrics of `app worker`, which serves no requests, on a port of their own."""

from prometheus_client import start_http_server

from app.config.settings import ConfigError, Settings
from app.features.background_jobs.declarations import BackgroundJobs
from app.features.prometheus.settings import PrometheusSettings


def serve_metrics(settings: Settings) -> None:
    """Serve the metrics if WORKER_METRICS_PORT is set.

    Raises:
        ConfigError: the port is in use.
    """
    port = settings.of(PrometheusSettings).worker_metrics_port
    try:
        if port:
            start_http_server(port, addr=settings.host)
    except OSError as error:
        raise ConfigError(
            f"Cannot listen on {settings.host}:{port} ({error.strerror}): "
            "choose another WORKER_METRICS_PORT."
        ) from None


extension = BackgroundJobs(on_worker_start=serve_metrics)
