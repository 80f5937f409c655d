"""Answers that carry one resource: validators for caches, 304 for those who have it."""

from email.utils import format_datetime
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from app.core.kept_answers import KeptAnswer
from app.dependencies.preconditions import etag, names_tag
from app.schemas.base import Stored


def resource(
    request: Request, schema: type[Stored], row: Any, *, status: int = 200, location: str = ""
) -> Response:
    """The row as `schema`, with ETag and Last-Modified (RFC 9110, section 8.8).

    Serialized here and not by FastAPI, which would validate the same values once more.
    """
    body = schema.model_validate(row)
    tag = etag(body.version)
    headers = {
        "ETag": tag,
        "Last-Modified": format_datetime(body.updated_at, usegmt=True),
        "Cache-Control": "private, no-cache",
    }
    if is_known(request, tag):
        return Response(status_code=304, headers=headers)
    if location:
        headers["Location"] = location
    content = body.__pydantic_serializer__.to_json(body)
    return Response(content, status, headers, "application/json")


def kept(request: Request, answer: KeptAnswer) -> Response:
    """The answer that was kept, or 304 for who has it."""
    headers = {"ETag": answer.etag, "Cache-Control": "private, no-cache"}
    if is_known(request, answer.etag):
        return Response(status_code=304, headers=headers)
    return Response(answer.body, 200, headers, "application/json")


def is_known(request: Request, tag: str) -> bool:
    known = request.headers.get("if-none-match") if request.method == "GET" else None
    return known is not None and names_tag(known, tag, weakly=True)
