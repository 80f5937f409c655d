"""Prometheus endpoint: the sum over all workers, from any of them."""

import hmac

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from app.errors import NotFound, Unauthenticated
from app.features.prometheus.registry import registry
from app.features.prometheus.settings import PrometheusSettings
from app.http.routes import ServiceRoute
from app.resources import resources_of
from app.security.request_credentials import AmbiguousCredentials, bearer_token, credential_fields

router = APIRouter(tags=["system"], route_class=ServiceRoute)


async def get_scraper(request: Request) -> None:
    """Authorize clients that send METRICS_TOKEN, or every client if it is not set.

    Raises:
        NotFound: METRICS_ENABLED is false.
        AmbiguousCredentials: there is more than one credential.
        Unauthenticated: there is no credential, or a wrong one.
    """
    settings = resources_of(request)[PrometheusSettings]
    if not settings.metrics_enabled:
        raise NotFound
    token = settings.metrics_token.get_secret_value()
    fields = credential_fields(request)
    if token and len(fields) > 1:
        raise AmbiguousCredentials
    given = bearer_token(dict(fields).get(b"authorization", b""))
    if token and not hmac.compare_digest(given, token.encode()):
        raise Unauthenticated("Send METRICS_TOKEN as a Bearer token.")


# Not async: FastAPI runs it in a thread, so that it does not block the event loop.
@router.get("/metrics", include_in_schema=False, dependencies=[Depends(get_scraper)])
def read_metrics() -> Response:
    """Read the metrics of all workers in Prometheus' text format."""
    return Response(generate_latest(registry()), media_type=CONTENT_TYPE_LATEST)
