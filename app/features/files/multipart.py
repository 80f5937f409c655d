"""Multipart bodies (RFC 7578), pulled part by part: nothing is spooled or collected."""

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

MAX_HEADERS = 8
MAX_HEADER_BYTES = 4096
# Of a body at once: parts without content are counted before thousands of them are parsed.
SLICE_BYTES = 64 * 1024
EXTENDED_NAME = re.compile(rb"filename\*=([A-Za-z0-9._-]{1,40})'[^']*'([^;\s]*)", re.IGNORECASE)


@dataclass(slots=True)
class PartHead:
    """What the headers of a part say."""

    name: str = ""
    filename: str = ""
    content_type: str = ""


class PartEnd:
    """Behind the last byte of a part."""


@dataclass(slots=True)
class Events:
    """What the parser found, in order; filled by its callbacks."""

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
    """One field of a form; its data are there once, and skipped when nobody takes them."""

    head: PartHead
    data: AsyncIterator[bytes]


class MultipartReader:
    """The parts of a body as it arrives."""

    def __init__(self, content_type: str, stream: AsyncIterator[bytes]) -> None:
        """Read nothing yet.

        Raises:
            UnsupportedMediaType: the body is no form with files.
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
        """Each part in turn; raises BadRequest when the body is malformed or cut short."""
        while await self._fill():
            event = self._events.found.popleft()
            if isinstance(event, PartHead):
                yield Part(event, self._data())

    async def _data(self) -> AsyncIterator[bytes]:
        while await self._fill() and isinstance(self._events.found[0], bytes):
            yield self._events.found.popleft()  # type: ignore[misc]  # looked at above

    async def _fill(self) -> bool:
        """Read on until there is an event; say whether there is one."""
        while not self._events.found and not self._events.is_complete:
            if not self._waiting:
                chunk = await anext(self._stream, None)
                if chunk is None:
                    raise BadRequest("The multipart body is cut short.")
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
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise UnsupportedMediaType("Send the file as multipart/form-data.")
    if not options.get(b"boundary"):
        raise BadRequest("The Content-Type names no boundary.")
    return options[b"boundary"]


def file_name(disposition: bytes, options: dict[bytes, bytes], field: str) -> str:
    """Return the name of the file, also as RFC 8187 spells it, as some clients do."""
    extended = EXTENDED_NAME.search(disposition)
    if b"filename" in options or not extended:
        return decoded(options.get(b"filename", b""), "body", field)
    charset, value = extended.groups()
    return decoded(unquote_to_bytes(value), "body", field, charset=charset.decode())
