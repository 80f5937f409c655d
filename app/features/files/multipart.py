"""Streaming parser of multipart bodies (RFC 7578): no part is buffered or spooled to disk."""

import re
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.errors import BadRequest, UnsupportedMediaType
from app.http.charset import decoded
from app.http.header_fields import parameterized

MAX_HEADERS = 8
MAX_HEADER_BYTES = 4096
# Parsed at once: the number of parts is checked before thousands of empty ones are parsed. The
# 7,000 of 64 KiB took 60 ms of the event loop.
SLICE_BYTES = 16 * 1024
EXTENDED_VALUE = re.compile(r"([A-Za-z0-9._-]{1,40})'[^']*'(\S*)")  # RFC 8187, section 3.2.1


@dataclass(slots=True)
class PartHead:
    """Values from the headers of a part."""

    name: str = ""
    filename: str = ""
    content_type: str = ""


class PartEnd:
    """Event: the end of a part."""


@dataclass(slots=True)
class Events:
    """Parser events in order, added by the parser's callbacks."""

    found: deque[PartHead | PartEnd | bytes] = field(default_factory=deque)
    is_complete: bool = False
    header: bytearray = field(default_factory=bytearray)
    value: bytearray = field(default_factory=bytearray)
    head: PartHead = field(default_factory=PartHead)

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self.begin_part,
            "on_header_field": lambda data, start, end: self.header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self.value.extend(data[start:end]),
            "on_header_end": self.end_header,
            "on_headers_finished": lambda: self.found.append(self.head),
            "on_part_data": lambda data, start, end: self.found.append(data[start:end]),
            "on_part_end": lambda: self.found.append(PartEnd()),
            "on_end": self.complete,
        }

    def begin_part(self) -> None:
        self.head = PartHead()

    def end_header(self) -> None:
        """Store a complete header field of the current part.

        Raises:
            BadRequest: a second Content-Disposition.
        """
        header, value = bytes(self.header).lower(), bytes(self.value)
        self.header.clear()
        self.value.clear()
        if header == b"content-disposition":
            if self.head.name:
                raise BadRequest("A part of the multipart body has two Content-Dispositions.")
            options = parse_options_header(value)[1]
            self.head.name = decoded(options.get(b"name", b""), "body")
            self.head.filename = file_name(value, options, self.head.name)
        elif header == b"content-type":
            self.head.content_type = decoded(value, "body", self.head.name)

    def complete(self) -> None:
        self.is_complete = True


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a form; its data can be read once, and are skipped if unread."""

    head: PartHead
    data: AsyncIterator[bytes]


class MultipartReader:
    """Reads the parts of a body as it arrives."""

    def __init__(self, content_type: str, stream: AsyncIterator[bytes]) -> None:
        """Create the parser; reads nothing yet.

        Raises:
            UnsupportedMediaType: the body is not multipart/form-data.
            BadRequest: the boundary is missing or too long.
        """
        self._stream = stream
        self._waiting = memoryview(b"")
        self._events = Events()
        try:
            self._parser = MultipartParser(
                boundary(content_type),
                self._events.callbacks(),
                max_header_count=MAX_HEADERS,
                max_header_size=MAX_HEADER_BYTES,
            )
        except FormParserError as error:
            raise BadRequest("The boundary of the multipart body is too long.") from error

    async def parts(self) -> AsyncIterator[Part]:
        """Yield each part in order.

        Raises:
            BadRequest: the body is malformed or truncated.
        """
        while await self._fill():
            event = self._events.found.popleft()
            if isinstance(event, PartHead):
                yield Part(event, self._data())

    async def _data(self) -> AsyncIterator[bytes]:
        while await self._fill() and isinstance(self._events.found[0], bytes):
            yield self._events.found.popleft()  # type: ignore[misc]  # checked above

    async def _fill(self) -> bool:
        """Read until there is an event; return False at the end of the body."""
        while not self._events.found and not self._events.is_complete:
            if not self._waiting:
                chunk = await anext(self._stream, None)
                if chunk is None:
                    raise BadRequest("The multipart body is truncated.")
                self._waiting = memoryview(chunk)
            self._parse(bytes(self._waiting[:SLICE_BYTES]))
            self._waiting = self._waiting[SLICE_BYTES:]
        return bool(self._events.found)

    def _parse(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise BadRequest("The body is not well-formed multipart.") from error


def boundary(content_type: str) -> bytes:
    """Return the boundary of a multipart body.

    Raises:
        UnsupportedMediaType: the body is not multipart/form-data.
        BadRequest: the Content-Type has no boundary.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise UnsupportedMediaType("Send the file as multipart/form-data.")
    if not options.get(b"boundary"):
        raise BadRequest("The Content-Type names no boundary.")
    return options[b"boundary"]


def file_name(disposition: bytes, options: dict[bytes, bytes], field: str) -> str:
    """Return the file name, preferably from the RFC 8187 encoding that some clients send.

    .NET sends both (RFC 6266, section 4.3), and the plain one in the encoding of mails.
    """
    parameters = parameterized(disposition.decode("latin-1")).parameters
    extended = EXTENDED_VALUE.fullmatch(parameters.get("filename*", ""))
    if not extended:
        return decoded(options.get(b"filename", b""), "body", field)
    charset, value = extended.groups()
    return decoded(unquote_to_bytes(value), "body", field, charset=charset)
