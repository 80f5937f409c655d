"""Absolute URLs of the service, for `Link` and `Location`.

They begin with PUBLIC_URL if it is set, and always in production, so that a hostile Host is
never repeated there; otherwise with the scheme and Host of the request.
"""

from fastapi import Request

from app.config.settings import Settings
from app.http.origin_check import own_origin
from app.resources import resources


def absolute_url(request: Request, path: str) -> str:
    """Return the URL of a path that includes the prefix that the service is mounted under."""
    return base_url(request) + path


def base_url(request: Request) -> str:
    """Return the scheme and authority that URLs of the service begin with."""
    settings: Settings = resources(request)[Settings]
    is_fixed = "public_url" in settings.model_fields_set or settings.environment == "production"
    own = None if is_fixed else own_origin(request)
    return str(own) if own else settings.public_url


def path_of(request: Request, name: str, **parameters: object) -> str:
    """Return the path of a route, with the prefix that the service is mounted under."""
    return root_path(request) + str(request.app.url_path_for(name, **parameters))


def root_path(request: Request) -> str:
    """Return the prefix that the service is mounted under, without a trailing slash."""
    return str(request.scope.get("root_path", "")).rstrip("/")
