"""Validation of a request head: the rules of RFC 9112 that the parser leaves to the server."""

import re
from collections.abc import Sequence
from http import HTTPStatus

import httptools
from httptools.parser.errors import HttpParserInvalidMethodError
from websockets.datastructures import Headers
from websockets.http11 import MAX_LINE_LENGTH, Request
from websockets.server import ServerProtocol

from app.errors import AppError, BadRequest
from app.features.http_server.errors import (
    ExpectationFailed,
    NotImplementedHere,
    VersionNotSupported,
)
from app.http.request_errors import HeadersTooLarge
from app.network.origins import normalized_host

Header = tuple[bytes, bytes]

# RFC 9110, section 7.2, without percent-encoded and internationalized names, which HTTP URLs do
# not have, and without the empty host (section 4.2.1).
HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~-]+)(?::([0-9]{0,5}))?")
# The maximum of a line without the colon, the space and CRLF.
MAX_WEBSOCKET_FIELD = MAX_LINE_LENGTH - 4
MAX_PORT = 65_535
# The beginning of a request line, in contrast to a TLS handshake.
REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40} ")
SHOWN_PATH = re.compile(rb"/[!-~]{0,1000}")
# Of a rejected request: its id, the client address, and the page whose script reads the problem.
SUBSTITUTE_HEADERS = frozenset(
    {b"origin", b"x-request-id", b"x-forwarded-for", b"x-forwarded-proto"}
)
ABSOLUTE = re.compile(rb"(https?)://([^/?#]*)(.*)", re.DOTALL | re.IGNORECASE)


def check_version(version: str, method: bytes) -> None:
    """Check the HTTP version and reject CONNECT.

    Raises:
        VersionNotSupported: the version is neither 1.0 nor 1.1.
        NotImplementedHere: the method is CONNECT, which is for proxies.
    """
    if version not in {"1.0", "1.1"}:
        raise VersionNotSupported("The service supports HTTP/1.1.")
    if method == b"CONNECT":
        raise NotImplementedHere("The service is no proxy.")


def origin_form(target: bytes, method: bytes, headers: list[Header]) -> bytes:
    """Return the path and query of a request target (RFC 9112, section 3.2).

    The authority of an absolute target replaces the Host header.

    Raises:
        BadRequest: the target has a fragment, or a form that the method does not allow.
    """
    absolute = ABSOLUTE.fullmatch(target)
    if absolute:
        headers[:] = [header for header in headers if header[0] != b"host"]
        headers.append((b"host", absolute[2]))
        target = absolute[3] if absolute[3].startswith(b"/") else b"/" + absolute[3]
    if target == b"*" and method == b"OPTIONS":
        return target
    if not target.startswith(b"/") or b"#" in target:
        raise BadRequest("The request target is not valid.")
    return target


def check_host(headers: Sequence[Header], version: str) -> None:
    """Require exactly one valid Host (RFC 9112, section 3.2).

    Raises:
        BadRequest: it is missing in HTTP/1.1, repeated or malformed.
    """
    hosts = [value for name, value in headers if name == b"host"]
    if not hosts and version == "1.0":
        return
    if len(hosts) != 1:
        raise BadRequest("A request has exactly one Host header.")
    valid = HOST.fullmatch(hosts[0])
    is_host = valid and normalized_host(valid[1].decode())
    if not valid or not is_host or int(valid[2] or 0) > MAX_PORT:
        raise BadRequest("The Host header is not valid.")


def check_framing(headers: Sequence[Header], version: str) -> None:
    """Check that a body has a length or is chunked (RFC 9112, section 6.1).

    Raises:
        BadRequest: an HTTP/1.0 request has a transfer coding.
        NotImplementedHere: the transfer coding is not `chunked`.
        ExpectationFailed: the client expects anything but 100-continue.
    """
    for name, value in headers:
        if name == b"transfer-encoding":
            if version == "1.0":
                raise BadRequest("HTTP/1.0 has no transfer codings.")
            if value.lower() != b"chunked":
                raise NotImplementedHere("The only transfer coding is chunked.")
        elif name == b"expect" and version == "1.1" and value.lower() != b"100-continue":
            raise ExpectationFailed


def is_websocket(method: bytes, version: str, headers: Sequence[Header]) -> bool:
    """Return whether the request is an upgrade to WebSocket (RFC 6455, section 4.2.1)."""
    offers = [value.lower() for name, value in headers if name == b"upgrade"]
    has_body = any(name in {b"content-length", b"transfer-encoding"} for name, _ in headers)
    is_handshake = method == b"GET" and version == "1.1" and not has_body
    return is_handshake and offers == [b"websocket"]


def check_handshake(target: bytes, headers: Sequence[Header]) -> None:
    """Validate a WebSocket handshake while the response can still be a problem.

    Raises:
        HeadersTooLarge: a field is longer than the WebSocket library supports.
        BadRequest: the key, the version or the extensions are not valid.
    """
    if any(len(name) + len(value) > MAX_WEBSOCKET_FIELD for name, value in headers):
        raise HeadersTooLarge
    fields = Headers((name.decode(), value.decode("latin-1")) for name, value in headers)
    response = ServerProtocol().accept(Request(target.decode(), fields))
    if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
        version = {"Sec-WebSocket-Version": "13"}
        raise BadRequest("The WebSocket handshake is not valid.", headers=version)


def without_upgrade(method: bytes, target: bytes, version: str, headers: Sequence[Header]) -> bytes:
    """Return the head without the Upgrade header (RFC 9110, section 7.8)."""
    lines = [b"%s: %s\r\n" % header for header in headers if header[0] != b"upgrade"]
    return b"%s %s HTTP/%s\r\n%s\r\n" % (method, target, version.encode(), b"".join(lines))


def error_of(error: httptools.HttpParserError, data: bytes) -> AppError:
    """Return the application error for an exception of the parser that was fed with `data`."""
    if isinstance(error.__context__, AppError):
        return error.__context__
    reason = str(error)
    if "HTTP version" in reason or "PRI" in reason:
        return VersionNotSupported("The service supports HTTP/1.1.")
    is_method = isinstance(error, HttpParserInvalidMethodError) and REQUEST_LINE.match(data)
    if is_method or reason == "Invalid `Transfer-Encoding` header value":
        return NotImplementedHere()
    return BadRequest("The request is not well-formed HTTP.")


def substitute(target: bytes, headers: Sequence[Header]) -> bytes:
    """Return a valid head in place of a rejected one, for the access log and the response."""
    path = SHOWN_PATH.match(target.partition(b"?")[0].partition(b"#")[0])
    lines = [b"%s: %s\r\n" % header for header in headers if header[0] in SUBSTITUTE_HEADERS]
    return b"GET %s HTTP/1.1\r\nhost: invalid\r\nconnection: close\r\n%s\r\n" % (
        path[0] if path else b"/",
        b"".join(lines),
    )
