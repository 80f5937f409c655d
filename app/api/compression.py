"""Compression, but not of what can be asked for in parts."""

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware, GZipResponder
from starlette.types import Message, Receive, Scope, Send


class CompressionMiddleware(GZipMiddleware):
    """Starlette's gzip for all answers but those that offer byte ranges.

    Their ETag and ranges are of the plain bytes: a download that began compressed could
    not be resumed (RFC 9110, section 14.2).
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and "gzip" in Headers(scope=scope).get("accept-encoding", ""):
            responder = WholeResponder(
                self.app,
                self.minimum_size,
                self.compresslevel,
                thread_minimum_size=self.thread_minimum_size,
                exclude_content_types=self.exclude_content_types,
            )
            await responder(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class WholeResponder(GZipResponder):
    """Lets answers with Accept-Ranges through."""

    is_plain = False

    async def send_with_compression(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.is_plain = "accept-ranges" in Headers(raw=message["headers"])
        if self.is_plain:
            await self.send(message)
        else:
            await super().send_with_compression(message)
