"""Responses with stored bytes: validators and byte ranges (RFC 9110, section 14)."""

import re
from dataclasses import dataclass
from datetime import datetime

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from app.errors import AppError
from app.features.files.storage import Storage
from app.features.users.guarded_response import GuardedResponse
from app.http.header_fields import RawHeaders, field_value, list_members
from app.http.http_dates import format_http_date, parse_http_date
from app.http.preconditions import Validators, evaluate_preconditions, parse_entity_tag

# A single range. For several ranges or a malformed one, the whole content may be sent.
RANGE = re.compile(r"(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))")


class RangeNotSatisfiable(AppError):
    status = 416
    code = "range_not_satisfiable"
    title = "Range not satisfiable"
    remedy = "Ask for bytes below the size that Content-Range names."


@dataclass(frozen=True, slots=True)
class Content:
    """Immutable metadata of stored bytes, known before they are read."""

    key: str
    size_bytes: int
    content_type: str
    disposition: str
    etag: str
    modified_at: datetime

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Accept-Ranges": "bytes",
            "ETag": self.etag,
            "Last-Modified": format_http_date(self.modified_at),
            "Cache-Control": "private, no-cache",
        }

    @property
    def validators(self) -> Validators:
        return Validators(self.etag, self.modified_at)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """From `start` up to, not including, `end`."""

    start: int
    end: int


async def content_response(
    request: Request, content: Content, storage: Storage, *, is_redirected: bool
) -> Response:
    """Respond with the bytes, the requested range of them, or 304.

    Raises:
        PreconditionFailed: the client's precondition names another version.
        RangeNotSatisfiable: the range lies beyond the end.
        NotFound: the object is missing.
    """
    known = evaluate_preconditions("GET", request.scope["headers"], content.validators)
    if known:
        return Response(status_code=304, headers={**content.headers, "ETag": known})
    if is_redirected and (url := await storage.signed_url(content.key)):
        return RedirectResponse(url, 307, headers={"Cache-Control": "no-store"})
    return await streamed_response(request, content, storage)


async def streamed_response(request: Request, content: Content, storage: Storage) -> Response:
    # Range is defined for GET alone (RFC 9110, section 14.2).
    is_head = bool(request.scope.get("is_head"))
    requested = None if is_head else requested_range(request.scope["headers"], content)
    part = requested or ByteRange(0, content.size_bytes)
    headers = content.headers | part_headers(content, part, is_partial=requested is not None)
    status = 206 if requested else 200
    # The body of a HEAD response is not sent, and would cost a read of the storage.
    if is_head:
        return Response(None, status, headers, content.content_type)
    chunks = await storage.read(content.key, part.start, part.end)
    return GuardedResponse(
        request, chunks, status_code=status, headers=headers, media_type=content.content_type
    )


def part_headers(content: Content, part: ByteRange, *, is_partial: bool) -> dict[str, str]:
    headers = {
        "Content-Length": str(part.end - part.start),
        "Content-Disposition": content.disposition,
    }
    if is_partial:
        headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{content.size_bytes}"
    return headers


def requested_range(headers: RawHeaders, content: Content) -> ByteRange | None:
    """Return the requested range, or None without one or if If-Range names another version."""
    unit, _, ranges = (field_value(headers, b"range") or "").partition("=")
    members = list_members(ranges)
    found = RANGE.fullmatch(members[0]) if len(members) == 1 else None
    if unit.lower() != "bytes" or not found or not is_range_applicable(headers, content.validators):
        return None
    return satisfiable(found, content.size_bytes)


def satisfiable(found: re.Match[str], size_bytes: int) -> ByteRange | None:
    """Return the range within a content of this size, or None if it is invalid.

    Raises:
        RangeNotSatisfiable: the range begins after the end.
    """
    first, last, suffix = found.groups()
    if suffix:
        part = ByteRange(max(0, size_bytes - int(suffix)), size_bytes)
    elif last and int(last) < int(first):
        return None  # An invalid range is ignored (RFC 9110, section 14.1.1).
    else:
        part = ByteRange(int(first), min(int(last or size_bytes) + 1, size_bytes))
    if part.start >= part.end:
        raise RangeNotSatisfiable(headers={"Content-Range": f"bytes */{size_bytes}"})
    return part


def is_range_applicable(headers: RawHeaders, current: Validators) -> bool:
    """Return whether If-Range is absent or matches the exact current bytes (section 13.1.5)."""
    value = field_value(headers, b"if-range")
    if value is None:
        return True
    if tag := parse_entity_tag(value):
        return not tag.is_weak and str(tag) == current.etag
    moment = parse_http_date(value)
    modified_at = current.modified_at
    return bool(moment and modified_at and modified_at.replace(microsecond=0) == moment)
