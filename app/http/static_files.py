"""Static files of the pages: scripts, style sheets and the icon."""

import gzip
import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import fastapi_offline
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from app.errors import NotFound
from app.http.header_fields import accepts_gzip, field_value
from app.http.query_parameters import IgnoredParameters
from app.http.schemas import OpaqueText
from app.resources import resources

PAGES = Path(__file__).parent / "pages"
VENDOR = Path(fastapi_offline.__file__).parent / "static"
# Those of the kernel; features declare theirs.
FILES = (
    *sorted(path for path in PAGES.iterdir() if path.suffix in {".css", ".js", ".svg"}),
    VENDOR / "redoc.standalone.js",
    VENDOR / "swagger-ui-bundle.js",
    VENDOR / "swagger-ui.css",
)
# Explicit, because the MIME tables of operating systems differ about scripts.
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# Pages link to files with a digest in the query, so that a new version has a new URL.
FOREVER = "public, max-age=31536000, immutable"

router = APIRouter(include_in_schema=False)


class StaticFiles:
    """The static files of the kernel and of the features, by their names."""

    def __init__(self, files: Iterable[Path] = ()) -> None:
        self.by_name = {path.name: path for path in (*FILES, *files)}
        self._digests = {name: digest(path) for name, path in self.by_name.items()}

    def addresses(self, root_path: str) -> dict[str, str]:
        """Return the paths of the files, by their names as identifiers: `site_css`."""
        return {
            name.replace(".", "_").replace("-", "_"): f"{root_path}/static/{name}?v={digest}"
            for name, digest in self._digests.items()
        }


@router.get("/static/{name}", dependencies=[Depends(IgnoredParameters("v"))])
def read_static_file(name: OpaqueText, request: Request) -> Response:
    path = resources(request)[StaticFiles].by_name.get(name)
    if path is None:
        raise NotFound.of("file")
    media_type = MEDIA_TYPES[path.suffix]
    headers = {"Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
    if not accepts_gzip(field_value(request.scope["headers"], b"accept-encoding")):
        return Response(path.read_bytes(), headers=headers, media_type=media_type)
    headers["Content-Encoding"] = "gzip"
    return Response(compressed(path), headers=headers, media_type=media_type)


@lru_cache
def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


@lru_cache
def compressed(path: Path) -> bytes:
    # Cached, because compressing Swagger UI takes a tenth of a second.
    return gzip.compress(path.read_bytes(), mtime=0)
