"""Static files of the pages: scripts, style sheets and the icon."""

import gzip
import hashlib
import importlib.util
from functools import lru_cache
from pathlib import Path

import fastapi_offline
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from app.errors import NotFound
from app.http.header_fields import accepts_gzip, field_value
from app.http.query_parameters import IgnoredParameters
from app.http.schemas import OpaqueText

PAGES = Path(__file__).parent / "pages"
VENDOR = Path(fastapi_offline.__file__).parent / "static"
# A development dependency, which production images do not contain.
GRAPHIQL_PACKAGE = importlib.util.find_spec("graphene_django_graphiql_static")
GRAPHIQL = (
    "graphiql.min.css",
    "graphiql.min.js",
    "graphql-ws.min.js",
    "react-dom.production.min.js",
    "react.production.min.js",
)


def graphiql_files() -> dict[str, Path]:
    if GRAPHIQL_PACKAGE is None or GRAPHIQL_PACKAGE.origin is None:
        return {}
    folder = Path(GRAPHIQL_PACKAGE.origin).parent / "static" / GRAPHIQL_PACKAGE.name
    return {name: folder / name for name in GRAPHIQL}


FILES = {
    "chat.css": PAGES / "chat.css",
    "chat.js": PAGES / "chat.js",
    "dashboard.css": PAGES / "dashboard.css",
    "dashboard.js": PAGES / "dashboard.js",
    "graphql.css": PAGES / "graphql.css",
    "graphql.js": PAGES / "graphql.js",
    "docs.css": PAGES / "docs.css",
    "docs.js": PAGES / "docs.js",
    "icon.svg": PAGES / "icon.svg",
    "site.css": PAGES / "site.css",
    "tasks.js": PAGES / "tasks.js",
    "redoc.standalone.js": VENDOR / "redoc.standalone.js",
    "swagger-ui-bundle.js": VENDOR / "swagger-ui-bundle.js",
    "swagger-ui.css": VENDOR / "swagger-ui.css",
    **graphiql_files(),
}
# Explicit, because the MIME tables of operating systems differ about scripts.
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# Pages link to files with a digest in the query, so that a new version has a new URL.
FOREVER = "public, max-age=31536000, immutable"

router = APIRouter(include_in_schema=False)


@router.get("/static/{name}", dependencies=[Depends(IgnoredParameters("v"))])
def read_static_file(name: OpaqueText, request: Request) -> Response:
    if name not in FILES:
        raise NotFound.of("file")
    media_type = MEDIA_TYPES[FILES[name].suffix]
    headers = {"Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
    if not accepts_gzip(field_value(request.scope["headers"], b"accept-encoding")):
        return Response(FILES[name].read_bytes(), headers=headers, media_type=media_type)
    headers["Content-Encoding"] = "gzip"
    return Response(compressed(name), headers=headers, media_type=media_type)


@lru_cache
def addresses(root_path: str) -> dict[str, str]:
    """Return the paths of the files, by their names as identifiers: `site_css`."""
    return {
        name.replace(".", "_").replace("-", "_"): f"{root_path}/static/{name}?v={digest(name)}"
        for name in FILES
    }


@lru_cache
def digest(name: str) -> str:
    return hashlib.sha256(FILES[name].read_bytes()).hexdigest()[:12]


@lru_cache
def compressed(name: str) -> bytes:
    # Cached, because compressing Swagger UI takes a tenth of a second.
    return gzip.compress(FILES[name].read_bytes(), mtime=0)
