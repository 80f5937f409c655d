"""Answers that carry stored bytes: validators, byte ranges (RFC 9110, section 14)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from fastapi import Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from app.core.errors import AppError
from app.dependencies.preconditions import names_tag
from app.integrations.storage import Storage

# One range. Several, and what is no range at all, may be answered with the whole.
RANGE = re.compile(r"bytes=[ \t]*(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))[ \t]*")


class RangeNotSatisfiable(AppError):
    status = 416
    code = "range_not_satisfiable"
    title = "Range not satisfiable"
    remedy = "Ask for bytes below the size that Content-Range names."


@dataclass(frozen=True, slots=True)
class Content:
    """What never changes and is known of bytes before they are read."""

    key: str
    size: int
    content_type: str
    disposition: str
    etag: str
    modified_at: datetime

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Accept-Ranges": "bytes",
            "ETag": self.etag,
            "Last-Modified": format_datetime(self.modified_at, usegmt=True),
            "Cache-Control": "private, no-cache",
        }


@dataclass(frozen=True, slots=True)
class ByteRange:
    """From `start` up to, not including, `end`."""

    start: int
    end: int


async def content_response(
    request: Request, content: Content, storage: Storage, *, is_redirected: bool
) -> Response:
    """The bytes, or the part of them that was asked for, or 304 for those who have them.

    Raises:
        RangeNotSatisfiable: the part lies beyond the end.
        NotFound: the bytes are gone.
    """
    known = request.headers.get("if-none-match")
    if known is not None and names_tag(known, content.etag, weakly=True):
        return Response(status_code=304, headers=content.headers)
    if is_redirected and (url := await storage.signed_url(content.key)):
        return RedirectResponse(url, 307, headers={"Cache-Control": "no-store"})
    return await streamed_response(request, content, storage)


async def streamed_response(request: Request, content: Content, storage: Storage) -> Response:
    wanted = wanted_range(request.headers, content)
    part = wanted or ByteRange(0, content.size)
    headers = content.headers | part_headers(content, part, is_partial=wanted is not None)
    status = 206 if wanted else 200
    # Nobody sees the body of an answer to HEAD, which would cost a read of the storage.
    if request.scope.get("is_head"):
        return Response(None, status, headers, content.content_type)
    chunks = await storage.read(content.key, part.start, part.end)
    return StreamingResponse(chunks, status, headers, content.content_type)


def part_headers(content: Content, part: ByteRange, *, is_partial: bool) -> dict[str, str]:
    headers = {
        "Content-Length": str(part.end - part.start),
        "Content-Disposition": content.disposition,
    }
    if is_partial:
        headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{content.size}"
    return headers


def wanted_range(headers: Mapping[str, str], content: Content) -> ByteRange | None:
    """The range that was asked for, unless If-Range says that it is of other bytes."""
    condition = headers.get("if-range")
    if condition is not None and condition not in (content.etag, content.headers["Last-Modified"]):
        return None
    found = RANGE.fullmatch(headers.get("range", ""))
    return satisfiable(found, content.size) if found else None


def satisfiable(found: re.Match[str], size: int) -> ByteRange | None:
    first, last, suffix = found.groups()
    if suffix:
        part = ByteRange(max(0, size - int(suffix)), size)
    elif last and int(last) < int(first):
        return None  # Invalid, and so to be ignored (RFC 9110, section 14.1.1).
    else:
        part = ByteRange(int(first), min(int(last or size) + 1, size))
    if part.start >= part.end:
        raise RangeNotSatisfiable(headers={"Content-Range": f"bytes */{size}"})
    return part
