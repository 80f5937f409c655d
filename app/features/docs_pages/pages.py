"""Pages that document the API; Swagger UI and ReDoc can be disabled."""

import base64
import hashlib
import json
from pathlib import Path

from fastapi import APIRouter, Depends, Request
from fastapi.openapi.docs import get_swagger_ui_oauth2_redirect_html
from fastapi.responses import RedirectResponse, Response

from app.config.known_secrets import DEMO_PASSWORD
from app.config.settings import Settings
from app.errors import NotFound
from app.features.html_pages.extension import Markup
from app.features.html_pages.rendering import (
    NO_EMBEDDING,
    SCRIPT_POLICY,
    framed_page,
    page,
    render,
)
from app.features.html_pages.resources import HtmlResources
from app.features.openapi_details.problem_types import Kind, example, problem_types
from app.features.system.router import require_docs_enabled
from app.http.absolute_urls import absolute_url, root_path
from app.http.query_parameters import IgnoredParameters
from app.http.schemas import OpaqueText
from app.resources import resources_of

ASSETS = Path(__file__).parent / "assets"
# ReDoc inserts inline styles, and searches in a worker created from a blob.
REDOC_POLICY = f"{SCRIPT_POLICY}; worker-src blob:".replace(
    "style-src 'self'", "style-src 'self' 'unsafe-inline'"
)


# RFC 6749, sections 4.1.2 and 4.2.2.1; RFC 9207; OpenID Connect Session Management.
AUTHORIZATION_RESPONSE = IgnoredParameters(
    "code", "error", "error_description", "error_uri", "iss", "scope", "session_state", "state"
)


router = APIRouter(include_in_schema=False)
docs = APIRouter(dependencies=[Depends(require_docs_enabled)])


@router.get("/")
def show_landing_page(request: Request) -> Response:
    settings: Settings = resources_of(request)[Settings]
    base = absolute_url(request, root_path(request))
    content = render(
        request,
        ASSETS / "landing.html",
        api=base + settings.api_v1_str,
        base=base,
        cards=render_cards(request),
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
    content = render(request, ASSETS / "problems.html", rows=Markup("".join(rows)))
    return framed_page(request, "Problem types", content)


@router.get("/problems/{code}")
def show_problem_type(code: OpaqueText, request: Request) -> Response:
    kind = problem_types().get(code)
    if kind is None:
        raise NotFound.of("problem type")
    body = json.dumps(example(kind), indent=2)
    content = render(
        request, ASSETS / "problem.html", **template_values(kind), remedy=kind.remedy, example=body
    )
    return framed_page(request, kind.title, content)


@docs.get("/api")
def redirect_to_docs(request: Request) -> Response:
    return RedirectResponse(f"{root_path(request)}/docs")


@docs.get("/docs")
def show_swagger_ui(request: Request) -> Response:
    return page(render(request, ASSETS / "docs.html"), SCRIPT_POLICY)


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
    return page(render(request, ASSETS / "redoc.html"), REDOC_POLICY)


router.include_router(docs)


def shown_password(settings: Settings) -> str:
    """Return the password of the demo users if it is the public default, else a placeholder."""
    password = settings.demo_password.get_secret_value()
    is_known = settings.environment == "development" and password == DEMO_PASSWORD
    return password if is_known else "$PASSWORD"


def template_values(kind: Kind) -> dict[str, str]:
    return {"code": kind.code, "status": str(kind.status), "title": kind.title}


def render_cards(request: Request) -> Markup:
    """Render the links that features contribute."""
    cards = resources_of(request)[HtmlResources].cards
    template = ASSETS / "landing_card.html"
    return Markup(
        "".join(render(request, template, path=card.path, text=card.text) for card in cards)
    )


def problem_row(request: Request, kind: Kind) -> Markup:
    return render(request, ASSETS / "problem_row.html", **template_values(kind))


def render_if_docs_enabled(request: Request, name: str) -> Markup:
    """Render a fragment that links to the documentation, or nothing if that is disabled."""
    is_enabled = resources_of(request)[Settings].docs_enabled
    return render(request, ASSETS / name) if is_enabled else Markup()
