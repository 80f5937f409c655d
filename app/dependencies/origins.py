"""Which pages may open a WebSocket: browsers let any page try, and CORS does not apply."""

from urllib.parse import urlsplit

from fastapi import Depends
from fastapi.requests import HTTPConnection

from app.core.config import Settings
from app.core.errors import NotPermitted


class ForeignOrigin(NotPermitted):
    code = "foreign_origin"
    title = "Foreign origin"
    remedy = "Open the connection from a page of an allowed origin, or from a program."


async def require_known_origin(connection: HTTPConnection) -> None:
    """Let programs through, which send no Origin, and pages of ours (RFC 6455, section 10.2).

    Raises:
        ForeignOrigin: the page is neither on this host nor on the list of ALLOWED_ORIGINS.
    """
    settings: Settings = connection.app.state.settings
    own = connection.headers.get("host", "").lower()
    for origin in connection.headers.getlist("origin"):
        is_listed = origin in settings.allowed_origins or "*" in settings.allowed_origins
        if not is_listed and origin != settings.public_url and host_of(origin) != own:
            raise ForeignOrigin("Pages of this origin may not connect.")


def host_of(origin: str) -> str | None:
    """Host and port of a web origin, None for `null` and whatever else is no such thing."""
    try:
        parts = urlsplit(origin.lower())
    except ValueError:
        return None
    is_bare = parts.geturl() == f"{parts.scheme}://{parts.netloc}"
    return parts.netloc if is_bare and parts.scheme in {"http", "https"} else None


KnownOrigin = Depends(require_known_origin)
