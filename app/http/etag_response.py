"""Responses with one resource: ETag, Last-Modified, and 304 for a current cached copy."""

import hashlib
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from app.http.absolute_urls import absolute_url
from app.http.http_dates import format_http_date
from app.http.precondition_dependency import etag
from app.http.preconditions import Validators, evaluate_preconditions
from app.http.schemas import Stored

PRIVATE = "private, no-cache"


def etag_response(
    request: Request, schema: type[Stored], row: Any, *, location: str = ""
) -> Response:
    """Return the row as `schema`, with ETag and Last-Modified (RFC 9110, section 8.8).

    The status is the one that the route declares.

    Serialized here and not by FastAPI, which would validate the same values again.

    Raises:
        PreconditionFailed: the precondition of a read does not hold.
    """
    body = schema.model_validate(row)
    content = body.__pydantic_serializer__.to_json(body)
    tag = etag_of(body, content)
    headers = {
        "ETag": tag,
        "Last-Modified": format_http_date(body.updated_at),
        "Cache-Control": PRIVATE,
    }
    # Fields that change without the row have no known date, which ignores If-Modified-Since.
    date = None if body.has_unversioned_fields else body.updated_at
    if known := known_tag(request, Validators(tag, date)):
        return Response(status_code=304, headers={**headers, "ETag": known})
    if location:
        headers["Location"] = absolute_url(request, location)
    return Response(content, success_status(request), headers, "application/json")


def success_status(request: Request) -> int:
    return int(request.scope["route"].status_code or 200)


def etag_of(body: Stored, content: bytes) -> str:
    """Return a strong validator: the version, with a digest if fields change without it."""
    if not body.has_unversioned_fields:
        return etag(body.version)
    return f'"{body.version}-{hashlib.sha256(content).hexdigest()[:8]}"'


def known_tag(request: Request, current: Validators) -> str | None:
    """Return the entity tag of a 304; those of writes are evaluated against the locked row."""
    if request.method != "GET":
        return None
    return evaluate_preconditions("GET", request.scope["headers"], current)
