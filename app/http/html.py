"""HTML pages for browsers; they load all of their resources from the service itself."""

import base64
import hashlib
import json
from functools import lru_cache
from html import escape
from pathlib import Path
from string import Template

from fastapi import APIRouter, Depends, Request
from fastapi.openapi.docs import get_swagger_ui_oauth2_redirect_html
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from app.config.settings import DEMO_PASSWORD, Settings
from app.errors import NotFound
from app.http.absolute_urls import absolute_url, root_path
from app.http.openapi.document import below
from app.http.problem_types import Kind, example, problem_types
from app.http.query_parameters import IgnoredParameters
from app.http.schemas import OpaqueText
from app.http.static_files import PAGES, StaticFiles
from app.resources import resources

NO_EMBEDDING = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PAGE_POLICY = f"default-src 'none'; style-src 'self'; img-src 'self' data:; {NO_EMBEDDING}"
DOCS_POLICY = f"{PAGE_POLICY}; script-src 'self'; connect-src 'self'"
# ReDoc inserts inline styles, and searches in a worker created from a blob.
REDOC_POLICY = f"{DOCS_POLICY}; worker-src blob:".replace(
    "style-src 'self'", "style-src 'self' 'unsafe-inline'"
)


# RFC 6749, sections 4.1.2 and 4.2.2.1; RFC 9207; OpenID Connect Session Management.
AUTHORIZATION_RESPONSE = IgnoredParameters(
    "code", "error", "error_description", "error_uri", "iss", "scope", "session_state", "state"
)


class Markup(str):
    """Text that is HTML and not escaped when rendered; all other values are escaped."""

    __slots__ = ()


def require_docs_enabled(request: Request) -> None:
    """Check that the documentation is enabled.

    Raises:
        NotFound: DOCS_ENABLED is false.
    """
    if not resources(request)[Settings].docs_enabled:
        raise NotFound("The documentation is closed here.")


def require_no_production(request: Request) -> None:
    """Check that the environment is not production.

    Raises:
        NotFound: it is production.
    """
    if resources(request)[Settings].environment == "production":
        raise NotFound("This page is for development.")


router = APIRouter(include_in_schema=False)
docs = APIRouter(dependencies=[Depends(require_docs_enabled)])


@router.get("/")
def show_landing_page(request: Request) -> Response:
    settings: Settings = resources(request)[Settings]
    base = absolute_url(request, root_path(request))
    content = render(
        request,
        "landing.html",
        api=base + settings.api_v1_str,
        base=base,
        description=settings.description,
        docs_buttons=render_if_docs_enabled(request, "landing_docs_buttons.html"),
        docs_cards=render_if_docs_enabled(request, "landing_docs_cards.html"),
        environment=settings.environment,
        password=shown_password(settings),
    )
    return framed_page(request, settings.project_name, content)


@router.get("/problems")
def show_problem_types(request: Request) -> Response:
    rows = (problem_row(request, kind) for kind in problem_types().values())
    content = render(request, "problems.html", rows=Markup("".join(rows)))
    return framed_page(request, "Problem types", content)


@router.get("/problems/{code}")
def show_problem_type(code: OpaqueText, request: Request) -> Response:
    kind = problem_types().get(code)
    if kind is None:
        raise NotFound.of("problem type")
    body = json.dumps(example(kind), indent=2)
    content = render(
        request, "problem.html", **template_values(kind), remedy=kind.remedy, example=body
    )
    return framed_page(request, kind.title, content)


@docs.get("/api")
def redirect_to_docs(request: Request) -> Response:
    return RedirectResponse(f"{root_path(request)}/docs")


@docs.get("/docs")
def show_swagger_ui(request: Request) -> Response:
    return page(render(request, "docs.html"), DOCS_POLICY)


@docs.get("/docs/oauth2-redirect", dependencies=[Depends(AUTHORIZATION_RESPONSE)])
def show_oauth2_redirect() -> Response:
    """Serve the redirect target of Swagger UI for authorization servers."""
    body = bytes(get_swagger_ui_oauth2_redirect_html().body)
    script = body.partition(b"<script>")[2].partition(b"</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
    return page(
        Markup(body.decode()), f"default-src 'none'; script-src 'sha256-{digest}'; {NO_EMBEDDING}"
    )


@docs.get("/redoc")
def show_redoc(request: Request) -> Response:
    return page(render(request, "redoc.html"), REDOC_POLICY)


@docs.get("/openapi.json")
def read_openapi(request: Request) -> Response:
    return JSONResponse(below(root_path(request), request.app.openapi()))


router.include_router(docs)


def shown_password(settings: Settings) -> str:
    """Return the password of the demo users if it is the public default, else a placeholder."""
    password = settings.demo_password.get_secret_value()
    is_known = settings.environment == "development" and password == DEMO_PASSWORD
    return password if is_known else "$PASSWORD"


def template_values(kind: Kind) -> dict[str, str]:
    return {"code": kind.code, "status": str(kind.status), "title": kind.title}


def problem_row(request: Request, kind: Kind) -> Markup:
    return render(request, "problem_row.html", **template_values(kind))


def render_if_docs_enabled(request: Request, name: str) -> Markup:
    """Render a fragment that links to the documentation, or nothing if that is disabled."""
    return render(request, name) if resources(request)[Settings].docs_enabled else Markup()


def framed_page(request: Request, title: str, content: Markup) -> Response:
    docs_links = render_if_docs_enabled(request, "frame_docs.html")
    frame = render(request, "frame.html", title=title, content=content, docs_links=docs_links)
    return page(frame, PAGE_POLICY)


def page(content: Markup, policy: str) -> Response:
    return HTMLResponse(content, headers={"Content-Security-Policy": policy})


def render(request: Request, name: str | Path, **values: str) -> Markup:
    """Fill in a template of the kernel by its name, or that of a feature by its path."""
    settings: Settings = resources(request)[Settings]
    defaults = {
        **resources(request)[StaticFiles].addresses(root_path(request)),
        "root": root_path(request),
        "name": settings.project_name,
        "version": settings.version,
    }
    safe = {
        key: value if isinstance(value, Markup) else escape(value)
        for key, value in (defaults | values).items()
    }
    return Markup(template(name).substitute(safe))


@lru_cache
def template(name: str | Path) -> Template:
    return Template((PAGES / name).read_text(encoding="utf-8"))
