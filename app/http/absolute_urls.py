"""Absolute URLs of the service, for `Link` and `Location`.

They begin with PUBLIC_URL if it is set, and always in production, so that a hostile Host is
never repeated there; otherwise with the scheme and Host of the request.
"""

from fastapi import Request
from fastapi.requests import HTTPConnection

from app.config.settings import Settings
from app.network.origins import Origin, origin_of
from app.resources import resources_of

HTTP_SCHEMES = {"ws": "http", "wss": "https"}


def absolute_url(request: Request, path: str) -> str:
    """Return the URL of a path that includes the prefix that the service is mounted under."""
    return base_url(request) + path


def base_url(request: Request) -> str:
    """Return the scheme and authority that URLs of the service begin with."""
    settings: Settings = resources_of(request)[Settings]
    is_fixed = "public_url" in settings.model_fields_set or settings.environment == "production"
    own = None if is_fixed else own_origin(request)
    return str(own) if own else settings.public_url


def own_origin(connection: HTTPConnection) -> Origin | None:
    """Return the origin under which the client reaches the service, None if Host is malformed."""
    scheme: str = connection.scope["scheme"]
    return origin_of(HTTP_SCHEMES.get(scheme, scheme), connection.headers.get("host", ""))


def path_of(request: Request, name: str, **parameters: object) -> str:
    """Return the path of a route, with the prefix that the service is mounted under."""
    return root_path(request) + str(request.app.url_path_for(name, **parameters))


def root_path(request: Request) -> str:
    """Return the prefix that the service is mounted under, without a trailing slash."""
    return str(request.scope.get("root_path", "")).rstrip("/")
