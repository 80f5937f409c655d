"""Prometheus endpoint: the sum over all workers, from any of them."""

import hmac
import os
from pathlib import Path

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from app.config.settings import Settings
from app.errors import Unauthenticated
from app.http.routes import ServiceRoute
from app.resources import resources
from app.security.request_credentials import AmbiguousCredentials, bearer_token, credential_fields

router = APIRouter(tags=["system"], route_class=ServiceRoute)

# Folder of the figures of each worker; prometheus_client reads the variable at its import.
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


async def get_scraper(request: Request) -> None:
    """Authorize clients that send METRICS_TOKEN, or every client if it is not set.

    Raises:
        AmbiguousCredentials: there is more than one credential.
        Unauthenticated: there is no credential, or a wrong one.
    """
    token = resources(request)[Settings].metrics_token.get_secret_value()
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


def registry() -> CollectorRegistry:
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder is None:
        return REGISTRY
    remove_dead_workers(Path(folder))
    together = CollectorRegistry()
    MultiProcessCollector(together, path=folder)  # type: ignore[no-untyped-call]  # the client's
    return together


def remove_dead_workers(folder: Path) -> None:
    """Drop the gauges of workers that have ended; their counters remain."""
    for file in folder.glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        if not is_alive(pid):
            mark_process_dead(pid, path=str(folder))  # type: ignore[no-untyped-call]  # the client's


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
