"""Dashboard page: signs the user in and shows the figures of the API."""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from app.config.settings import Settings
from app.features.html_pages.rendering import SCRIPT_POLICY, page, render
from app.http.absolute_urls import path_of
from app.http.header_fields import field_value, preferred_media_type
from app.http.routes import ServiceRoute
from app.resources import resources_of

router = APIRouter(include_in_schema=False, route_class=ServiceRoute)

ASSETS = Path(__file__).parent / "assets"
OFFERED = ("text/html", "application/json")


@router.get("/dashboard")
def show_dashboard(request: Request) -> Response:
    """Return the page; clients that prefer JSON are redirected to the API."""
    settings: Settings = resources_of(request)[Settings]
    accepted = field_value(request.scope["headers"], b"accept")
    if preferred_media_type(accepted, OFFERED) == "application/json":
        return RedirectResponse(path_of(request, "read_dashboard"))
    return page(render(request, ASSETS / "dashboard.html", api=settings.api_v1_str), SCRIPT_POLICY)
