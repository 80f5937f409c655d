"""Compression: gzip for large responses, except those that offer byte ranges.

Their ETag and ranges refer to uncompressed bytes: a download that began compressed could not be
resumed (RFC 9110, section 14.2). A compressed response has an entity tag of its own, because a
strong one identifies exact bytes (section 8.8.1): see docs/adr/0027-header-fields.md.
"""

from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware, GZipResponder
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.config.settings import Settings
from app.http.header_fields import accepts_gzip, field_value
from app.http.preconditions import GZIP_SUFFIX

NOT_MODIFIED = 304
MINIMUM_BYTES = 1400  # One packet: a smaller response does not arrive sooner.
LEVEL = 5


class CompressionMiddleware(GZipMiddleware):
    """Starlette's gzip, extended by the weights of Accept-Encoding, Vary and entity tags."""

    def __init__(self, app: ASGIApp, _: Settings) -> None:
        super().__init__(app, minimum_size=MINIMUM_BYTES, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.complete(message)
            await send(message)

        if accepts_gzip(field_value(scope["headers"], b"accept-encoding")):
            await self.responder()(scope, receive, send_complete)
        else:
            await self.app(scope, receive, send_complete)

    def responder(self) -> "RangeAwareResponder":
        return RangeAwareResponder(
            self.app,
            self.minimum_size,
            self.compresslevel,
            thread_minimum_size=self.thread_minimum_size,
            exclude_content_types=self.exclude_content_types,
        )

    def complete(self, message: Message) -> None:
        """Add the coding to the entity tag, and Accept-Encoding to Vary."""
        fields = dict(message["headers"])
        if b"content-encoding" in fields:
            message["headers"] = with_coded_tag(message["headers"])
        elif self.depends_on_coding(message["status"], fields):
            MutableHeaders(raw=message["headers"]).add_vary_header("Accept-Encoding")

    def depends_on_coding(self, status: int, fields: dict[bytes, bytes]) -> bool:
        """Return whether another Accept-Encoding would have compressed the response."""
        if b"accept-ranges" in fields:
            return False
        length = int(fields.get(b"content-length", self.minimum_size))
        return length >= self.minimum_size or status == NOT_MODIFIED


def with_coded_tag(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers with the suffix of the coding in a strong ETag."""
    return [(name, coded(value) if name == b"etag" else value) for name, value in headers]


def coded(tag: bytes) -> bytes:
    suffix = GZIP_SUFFIX.encode()
    return tag[:-1] + suffix + b'"' if tag.startswith(b'"') else tag


class RangeAwareResponder(GZipResponder):
    """Does not compress responses with Accept-Ranges."""

    is_plain = False

    async def send_with_compression(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.is_plain = "accept-ranges" in Headers(raw=message["headers"])
        if self.is_plain:
            await self.send(message)
        else:
            await super().send_with_compression(message)
