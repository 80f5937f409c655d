"""Endpoints for health, version and security contact of the service."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse, Response
from pydantic import Field

from app.config.settings import Settings
from app.errors import NotFound, Unavailable
from app.features.system.openapi_document import OpenApiDocument
from app.http.absolute_urls import absolute_url, root_path
from app.http.health import DependencyHealth
from app.http.problem_details import MEDIA_TYPE, problem, responses
from app.http.request_limits import limits_of
from app.http.resources import HttpResources
from app.http.routes import ServiceRoute
from app.http.schemas import ResponseModel
from app.resources import resources_of
from app.runtime.clock import now
from app.runtime.drain import Drain

router = APIRouter(tags=["system"], route_class=ServiceRoute)

SECURITY_TXT_LIFETIME = timedelta(days=180)


class NotReady(Unavailable):
    code = "not_ready"
    title = "Not ready"
    remedy = "Send the request to another replica, or repeat it after Retry-After."


class DependencyDown(Unavailable):
    code = "dependency_down"
    title = "A dependency is down"
    remedy = "Check the dependencies in the response; the service recovers by itself."


class Alive(ResponseModel):
    status: Literal["alive"] = "alive"
    """Always `alive`."""


class Ready(ResponseModel):
    status: Literal["ready"] = "ready"
    """Always `ready`."""


class Version(ResponseModel):
    name: str = Field(max_length=100, examples=["Reference API"])
    """Name of the service."""
    version: str = Field(max_length=100, examples=["1.2.3"])
    """Version of the service."""
    environment: Literal["development", "test", "production"]
    """Environment that the service runs in."""


class Health(ResponseModel):
    status: Literal["ok", "degraded"] = "ok"
    """`degraded` if a dependency is down that the service can do without."""
    version: str = Field(max_length=100, examples=["1.2.3"])
    """Version of the service."""
    dependencies: dict[str, DependencyHealth] = Field(max_length=20)
    """The dependencies by name."""


async def get_settings(request: Request) -> Settings:
    return resources_of(request)[Settings]


SettingsDep = Annotated[Settings, Depends(get_settings)]


async def require_docs_enabled(settings: SettingsDep) -> None:
    """Check that the documentation is enabled.

    Raises:
        NotFound: DOCS_ENABLED is false.
    """
    if not settings.docs_enabled:
        raise NotFound("The documentation is disabled.")


@router.get("/liveness")
async def read_liveness() -> Alive:
    """Report that the process responds, without checking any dependency."""
    return Alive()


@router.get("/readiness", responses=responses(NotReady))
async def read_readiness(request: Request) -> Ready:
    """Report whether this replica is ready: the database is migrated, and it is not draining."""
    if resources_of(request)[Drain].is_draining:
        raise NotReady("The service is shutting down.")
    if not await resources_of(request)[HttpResources].health.is_ready():
        raise NotReady("The database cannot be reached or is not migrated.")
    return Ready()


@router.get("/health", response_model=Health, responses=responses(DependencyDown))
async def read_health(request: Request, settings: SettingsDep) -> Health | Response:
    """Summarize the service and its dependencies; 503 if a required one is down."""
    dependencies = await resources_of(request)[HttpResources].health.dependencies()
    health = Health(version=settings.version, dependencies=dependencies)
    down = [name for name, each in health.dependencies.items() if each.status == "down"]
    if "database" in down:
        return health_problem(request, health, down)
    health.status = "degraded" if down else "ok"
    return health


@router.get("/version", response_model=Version)
async def read_version(settings: SettingsDep) -> Response:
    """Read the version of the service."""
    version = Version(
        name=settings.project_name, version=settings.version, environment=settings.environment
    )
    return Response(version.model_dump_json(), media_type="application/json")


@router.get("/openapi.json", include_in_schema=False, dependencies=[Depends(require_docs_enabled)])
async def read_openapi(request: Request, settings: SettingsDep) -> Response:
    public, own = settings.public_url, absolute_url(request, root_path(request))
    # The first response takes seconds of CPU, on a busy machine more than the deadline.
    limits_of(request.scope).remove_deadline()
    document = await resources_of(request)[OpenApiDocument].text(request.app)
    return Response(document.replace(public, json.dumps(own)[1:-1]), media_type="application/json")


@router.get("/.well-known/security.txt", include_in_schema=False)
async def read_security_txt(settings: SettingsDep) -> PlainTextResponse:
    """Return security.txt (RFC 9116)."""
    expires = (now() + SECURITY_TXT_LIFETIME).strftime("%Y-%m-%dT00:00:00Z")
    lines = [f"Contact: {settings.security_contact}", f"Expires: {expires}"]
    if settings.public_url.startswith("https://"):
        lines.append(f"Canonical: {settings.public_url}/.well-known/security.txt")
    return PlainTextResponse("\n".join([*lines, "Preferred-Languages: en", ""]))


def health_problem(request: Request, health: Health, down: list[str]) -> Response:
    """Return the problem with the summary as extension members (RFC 9457, section 3.2)."""
    error = DependencyDown(f"Down: {', '.join(down)}.")
    members: Mapping[str, Any] = health.model_dump(exclude={"status"})
    body = json.dumps({**problem(request.scope, error), **members})
    return Response(body, error.status, headers=error.headers, media_type=MEDIA_TYPE)
