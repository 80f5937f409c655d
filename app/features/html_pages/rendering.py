"""HTML pages for browsers; they load all of their resources from the service itself."""

from functools import lru_cache
from html import escape
from pathlib import Path
from string import Template

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from starlette.types import Scope

from app.config.settings import Settings
from app.errors import NotFound
from app.features.html_pages.extension import Markup
from app.features.html_pages.resources import HtmlResources
from app.features.html_pages.static_files import ASSETS
from app.http.absolute_urls import root_path
from app.http.header_fields import field_value, preferred_media_type
from app.resources import resources_of

FRAME = ASSETS / "frame.html"
JSON = ("application/json", "application/problem+json")
NO_EMBEDDING = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PAGE_POLICY = f"default-src 'none'; style-src 'self'; img-src 'self' data:; {NO_EMBEDDING}"
SCRIPT_POLICY = f"{PAGE_POLICY}; script-src 'self'; connect-src 'self'"


def require_no_production(request: Request) -> None:
    """Check that the environment is not production.

    Raises:
        NotFound: it is production.
    """
    if resources_of(request)[Settings].environment == "production":
        raise NotFound("This page is for development.")


def prefers_html(scope: Scope) -> bool:
    """Return whether the client asks for HTML, and not for anything (`*/*`) or for JSON."""
    accepted = field_value(scope["headers"], b"accept")
    return preferred_media_type(accepted, (*JSON, "text/html")) == "text/html"


def framed_page(request: Request, title: str, content: Markup) -> Response:
    header = Markup("".join(each(request) for each in resources_of(request)[HtmlResources].headers))
    frame = render(request, FRAME, title=title, content=content, header=header)
    return page(frame, PAGE_POLICY)


def page(content: Markup, policy: str) -> Response:
    return HTMLResponse(content, headers={"Content-Security-Policy": policy})


def render(request: Request, template: Path, **values: str) -> Markup:
    """Fill in a template; values are escaped unless they are `Markup`."""
    settings: Settings = resources_of(request)[Settings]
    defaults = {
        **resources_of(request)[HtmlResources].static.addresses(root_path(request)),
        "root": root_path(request),
        "name": settings.project_name,
        "version": settings.version,
    }
    safe = {
        key: value if isinstance(value, Markup) else escape(value)
        for key, value in (defaults | values).items()
    }
    return Markup(load(template).substitute(safe))


@lru_cache
def load(template: Path) -> Template:
    return Template(template.read_text(encoding="utf-8"))
