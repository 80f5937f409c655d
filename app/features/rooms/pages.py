"""Chat page for manual testing; not served in production."""

from pathlib import Path

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from app.config.settings import Settings
from app.features.html_pages.rendering import SCRIPT_POLICY, page, render, require_no_production
from app.resources import resources_of

ASSETS = Path(__file__).parent / "assets"

router = APIRouter(
    prefix="/dev", include_in_schema=False, dependencies=[Depends(require_no_production)]
)


@router.get("/chat")
def show_chat(request: Request) -> Response:
    settings: Settings = resources_of(request)[Settings]
    return page(render(request, ASSETS / "chat.html", api=settings.api_v1_str), SCRIPT_POLICY)
