"""Outbound HTTP requests with a total deadline and a bounded response size."""

import asyncio
import ssl
import sys
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import cache

import httpx

from app.errors import AppError, DeadlineExceeded, Unavailable
from app.observability import metrics
from app.observability.request_context import request_id
from app.observability.tracing import Tracing

# httpcore imports sniffio several times for each request and takes its absence for asyncio. A
# failing import is not cached: it searches the file system, for 45 us each time. With None it
# fails at once (Python reference, "The module cache").
sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]

DEADLINE_SECONDS = 3.0
MAX_BYTES = 1024 * 1024
# Limits on reading a body when only the status matters.
DRAIN_BYTES = 16 * 1024
DRAIN_SECONDS = 0.25
GZIP = 16 + zlib.MAX_WBITS  # Makes zlib expect a gzip header.
LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30)


class UpstreamFailed(AppError):
    """Another service is unreachable, or its response is invalid."""

    status = 502
    code = "upstream_failed"
    title = "Another service failed"
    remedy = "Repeat the request later; the fault is behind this service."


class UnusableResponse(UpstreamFailed):
    """Another service sent an invalid response; a retry does not help."""


class UpstreamUnavailable(Unavailable):
    """Another service is overloaded, or its circuit breaker is open."""

    code = "upstream_unavailable"
    title = "Another service is unavailable"


class UpstreamTimeout(DeadlineExceeded):
    """Another service exceeded the deadline."""

    code = "upstream_timeout"
    title = "Another service did not respond in time"


@cache
def tls_context() -> ssl.SSLContext:
    """Return the TLS context that all clients share: to load the authorities takes 60 ms of CPU."""
    return httpx.create_ssl_context(trust_env=False)


def trace_headers() -> dict[str, str]:
    """Return the headers that propagate the request id and the trace context."""
    headers = {"X-Request-ID": request_id.get(), "traceparent": Tracing.spans.traceparent()}
    return {name: value for name, value in headers.items() if value}


@dataclass(frozen=True)
class UpstreamResponse:
    """A complete response; `body` is decompressed."""

    status: int
    headers: httpx.Headers
    body: bytes


async def send(
    client: httpx.AsyncClient,
    request: httpx.Request,
    *,
    seconds: float = DEADLINE_SECONDS,
    max_bytes: int = MAX_BYTES,
    traced: bool = False,
) -> UpstreamResponse:
    """Send one request and read the whole response; redirects are not followed.

    Unlike the timeouts of httpx, which restart with each byte, `seconds` is the total. `traced`
    is for our own services: it sends the request id and the trace context.

    Raises:
        UpstreamTimeout: the response was not complete in time.
        UpstreamFailed: the connection or the HTTP exchange failed.
        UnusableResponse: it has more than `max_bytes`, or an encoding other than gzip.
    """
    request.headers["Accept-Encoding"] = "gzip"
    with observed(request):
        # Inside the span, so that `traceparent` names the span of this request.
        request.headers.update(trace_headers() if traced else {})
        return await send_in_time(client, request, seconds, max_bytes)


@contextmanager
def observed(request: httpx.Request) -> Iterator[None]:
    """Record duration and outcome of the request."""
    started, outcome = time.perf_counter(), "answered"
    try:
        with Tracing.spans.outbound(request.method, request.url.host):
            yield
    except AppError as error:
        outcome = error.code
        raise
    finally:
        metrics.OUTBOUND_SECONDS.labels(outcome).observe(time.perf_counter() - started)


async def send_for_status(
    client: httpx.AsyncClient, request: httpx.Request, *, seconds: float
) -> int:
    """Send one request and return the status of the response; its body is ignored.

    A short body is read so that the connection can be reused; otherwise the connection is
    closed.

    Raises:
        UpstreamTimeout: there was no status in time.
        UpstreamFailed: the connection or the HTTP exchange failed.
    """
    request.headers["Accept-Encoding"] = "identity"
    with observed(request):
        async with open_response(client, request, seconds) as response:
            await drain(response)
            return response.status_code


async def drain(response: httpx.Response) -> None:
    """Read a short body if it arrives at once; errors are ignored."""
    received = 0
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for chunk in response.aiter_raw():
                received += len(chunk)
                if received > DRAIN_BYTES:
                    return


async def send_in_time(
    client: httpx.AsyncClient, request: httpx.Request, seconds: float, max_bytes: int
) -> UpstreamResponse:
    """Send a request and read the response within `seconds` and `max_bytes`.

    Raises:
        UnusableResponse: the compression is corrupt.
    """
    try:
        async with open_response(client, request, seconds) as response:
            content = await body(response, max_bytes)
            return UpstreamResponse(response.status_code, response.headers, content)
    except zlib.error as error:
        raise UnusableResponse from error


@asynccontextmanager
async def open_response(
    client: httpx.AsyncClient, request: httpx.Request, seconds: float
) -> AsyncIterator[httpx.Response]:
    """Yield the response once its headers arrive; `seconds` includes the block.

    Raises:
        UpstreamTimeout: the block did not end in time.
        UpstreamFailed: the connection failed.
    """
    try:
        async with asyncio.timeout(seconds):
            response = await client.send(request, stream=True, follow_redirects=False)
            try:
                yield response
            finally:
                await response.aclose()
    except (TimeoutError, httpx.TimeoutException):
        raise UpstreamTimeout from None
    except httpx.HTTPError as error:
        raise UpstreamFailed from error


async def body(response: httpx.Response, max_bytes: int) -> bytes:
    """Read the decoded body.

    Raises:
        UnusableResponse: it has more than `max_bytes`, compressed or decompressed.
    """
    received = bytearray()
    async for chunk in decoded(response, max_bytes):
        received += chunk
        # Both limits: a compressed stream may be endless without output, a small one expand.
        if max(len(received), response.num_bytes_downloaded) > max_bytes:
            raise UnusableResponse("The response of another service is too large.")
    return bytes(received)


def decoded(response: httpx.Response, max_bytes: int) -> AsyncIterator[bytes]:
    """Return the chunks of the body without its content coding.

    Raises:
        UnusableResponse: the coding is neither gzip nor identity.
    """
    encoding = response.headers.get("content-encoding", "identity").lower()
    if encoding == "identity":
        return response.aiter_raw()
    if encoding in ("gzip", "x-gzip"):
        return unpacked(response.aiter_raw(), max_bytes)
    raise UnusableResponse("Another service sent a content coding that was not requested.")


async def unpacked(chunks: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[bytes]:
    """Decompress gzip, at most one byte more than `max_bytes` at a time.

    httpx itself would decompress each chunk completely, up to a thousand times its size.

    Raises:
        UnusableResponse: the compressed data is incomplete.
    """
    unpacking, is_empty = zlib.decompressobj(GZIP), True
    async for chunk in chunks:
        is_empty = False
        yield unpacking.decompress(chunk, max_bytes + 1)
    if not (is_empty or unpacking.eof):
        raise UnusableResponse("The response of another service ends too early.")
