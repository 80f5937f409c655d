"""Pages for trying things by hand; production does not have them."""

from fastapi import Request

from app.core.config import Settings
from app.core.errors import NotFound


def require_no_production(request: Request) -> None:
    settings: Settings = request.app.state.settings
    if settings.environment == "production":
        raise NotFound("This page is for development.")
