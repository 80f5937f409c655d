"""Endpoint for static files."""

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from app.errors import NotFound
from app.features.html_pages.resources import HtmlResources
from app.features.html_pages.static_files import FOREVER, MEDIA_TYPES, compressed, digest
from app.http.header_fields import accepts_gzip, field_value
from app.http.query_parameters import IgnoredParameters
from app.http.routes import ServiceRoute
from app.http.schemas import OpaqueText
from app.resources import resources_of

router = APIRouter(include_in_schema=False, route_class=ServiceRoute)


@router.get("/static/{name}", dependencies=[Depends(IgnoredParameters("v"))])
def read_static_file(name: OpaqueText, request: Request) -> Response:
    file = resources_of(request)[HtmlResources].static.by_name.get(name)
    if file is None:
        raise NotFound.of("file")
    media_type = MEDIA_TYPES[file.path.suffix]
    # While a new version is rolled out, a page may ask the old one for a file of the new one.
    is_current = request.query_params.get("v") == digest(file)
    headers = {"Cache-Control": FOREVER if is_current else "no-cache", "Vary": "Accept-Encoding"}
    if not accepts_gzip(field_value(request.scope["headers"], b"accept-encoding")):
        return Response(file.read(), headers=headers, media_type=media_type)
    headers["Content-Encoding"] = "gzip"
    return Response(compressed(file), headers=headers, media_type=media_type)
