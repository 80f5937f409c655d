"""The dashboard as a page: it signs in and draws what the API answers."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from app.api.site import PAGE_POLICY, page, render
from app.core.config import Settings

router = APIRouter(include_in_schema=False)

POLICY = f"{PAGE_POLICY}; script-src 'self'; connect-src 'self'"


@router.get("/dashboard")
def show_dashboard(request: Request) -> Response:
    """For browsers; programs that ask for JSON are sent to the API."""
    settings: Settings = request.app.state.settings
    accepted = request.headers.get("accept", "")
    if "application/json" in accepted and "text/html" not in accepted:
        return RedirectResponse(f"{settings.api_v1_str}/dashboard")
    return page(render(request, "dashboard.html", api=settings.api_v1_str), POLICY)
