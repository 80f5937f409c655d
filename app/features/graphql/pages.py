"""GraphiQL page for manual testing; not served in production."""

import importlib.util
from pathlib import Path

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from app.config.settings import Settings
from app.errors import NotFound
from app.features.html_pages.rendering import (
    SCRIPT_POLICY,
    page,
    prefers_html,
    render,
    require_no_production,
)
from app.http.routes import ServiceRoute
from app.resources import resources_of

ASSETS = Path(__file__).parent / "assets"
# A development dependency, which production images do not contain.
GRAPHIQL_PACKAGE = importlib.util.find_spec("graphene_django_graphiql_static")
GRAPHIQL = (
    "graphiql.min.css",
    "graphiql.min.js",
    "graphql-ws.min.js",
    "react-dom.production.min.js",
    "react.production.min.js",
)
# The style sheet of GraphiQL carries its fonts.
POLICY = f"{SCRIPT_POLICY}; font-src data:"


class HtmlRoute(ServiceRoute):
    """A route for clients that ask for HTML; the next route of the path serves the others."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child_scope = super().matches(scope)
        if match is Match.FULL and not prefers_html(scope):
            return Match.NONE, {}
        return match, child_scope


router = APIRouter(
    include_in_schema=False,
    dependencies=[Depends(require_no_production)],
    route_class=HtmlRoute,
)


def static_files() -> tuple[Path, ...]:
    """Return the style sheets and scripts of the page, and those of GraphiQL if it is installed."""
    own = tuple(ASSETS.glob("*.[cj]s*"))
    if GRAPHIQL_PACKAGE is None or GRAPHIQL_PACKAGE.origin is None:
        return own
    folder = Path(GRAPHIQL_PACKAGE.origin).parent / "static" / GRAPHIQL_PACKAGE.name
    return (*own, *(folder / name for name in GRAPHIQL))


@router.get("/graphql")
def show_graphql(request: Request) -> Response:
    """GraphiQL, where the development dependencies are installed."""
    if GRAPHIQL_PACKAGE is None:
        raise NotFound("This page needs the development dependencies.")
    settings: Settings = resources_of(request)[Settings]
    return page(render(request, ASSETS / "graphql.html", api=settings.api_v1_str), POLICY)
