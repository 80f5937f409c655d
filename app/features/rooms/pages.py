"""Pages for trying things by hand; production does not have them."""

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from app.config.settings import Settings
from app.errors import NotFound
from app.http.html import DOCS_POLICY, page, render
from app.resources import resources


def require_no_production(request: Request) -> None:
    settings: Settings = resources(request)[Settings]
    if settings.environment == "production":
        raise NotFound("This page is for development.")


router = APIRouter(
    prefix="/dev", include_in_schema=False, dependencies=[Depends(require_no_production)]
)


@router.get("/chat")
def show_chat(request: Request) -> Response:
    settings: Settings = resources(request)[Settings]
    return page(render(request, "chat.html", api=settings.api_v1_str), DOCS_POLICY)
