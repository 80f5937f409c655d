"""Origin check of WebSockets, which browsers open from any page without CORS."""

from fastapi import Depends
from fastapi.requests import HTTPConnection

from app.config.settings import Settings
from app.errors import NotPermitted
from app.http.absolute_urls import own_origin
from app.network.origins import Origin, parse_origin
from app.resources import resources_of


class ForeignOrigin(NotPermitted):
    code = "foreign_origin"
    title = "Foreign origin"
    remedy = "Open the connection from a page of an allowed origin, or from a program."


async def require_known_origin(connection: HTTPConnection) -> None:
    """Accept handshakes without Origin, and from known origins (RFC 6455, section 10.2).

    Raises:
        ForeignOrigin: the origin is neither that of the service nor in ALLOWED_ORIGINS.
    """
    sent = connection.headers.get("origin")
    if sent is None:
        return
    settings: Settings = resources_of(connection)[Settings]
    origin = parse_origin(sent)
    if origin is None or not is_known(origin, settings, own_origin(connection)):
        raise ForeignOrigin("Pages of this origin may not connect.")


def is_known(origin: Origin, settings: Settings, own: Origin | None) -> bool:
    listed = (*settings.allowed_origins, settings.public_url)
    return origin == own or "*" in listed or origin in map(parse_origin, listed)


KnownOrigin = Depends(require_known_origin)
