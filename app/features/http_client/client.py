"""One request to another service: how long it may take, and how much it may answer."""

import asyncio
import sys
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

import httpx

from app.errors import AppError, DeadlineExceeded, Unavailable
from app.observability import metrics
from app.observability.request_context import request_id
from app.observability.tracing import current_traceparent, outbound_span

# httpcore imports sniffio several times for each request and takes its absence for asyncio. A
# failing import is not cached: it searches the file system, for 45 us each time. With None it
# fails at once (Python reference, "The module cache").
sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]

DEADLINE_SECONDS = 3.0
MAX_BYTES = 1024 * 1024
# How much of a body is read, and for how long, where only the status counts.
DRAIN_BYTES = 16 * 1024
DRAIN_SECONDS = 0.25
GZIP = 16 + zlib.MAX_WBITS  # How zlib is told to expect the header of gzip.
LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30)


class UpstreamFailed(AppError):
    """Another service could not be reached, or its answer makes no sense."""

    status = 502
    code = "upstream_failed"
    title = "Another service failed"
    remedy = "Repeat the request later; the fault is behind this service."


class UnusableAnswer(UpstreamFailed):
    """Another service answered, and what it said cannot be used; asking again does not help."""


class UpstreamUnavailable(Unavailable):
    """Another service says that it is busy, or has failed so often that it is not asked."""

    code = "upstream_unavailable"
    title = "Another service is unavailable"


class UpstreamTimeout(DeadlineExceeded):
    """Another service took longer than it may."""

    code = "upstream_timeout"
    title = "Another service did not answer in time"


def trace_headers() -> dict[str, str]:
    """What tells another service of ours which request, and which trace, this one belongs to."""
    told = {"X-Request-ID": request_id.get(), "traceparent": current_traceparent()}
    return {name: value for name, value in told.items() if value}


@dataclass(frozen=True)
class Answer:
    """What came back; `body` is decompressed."""

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
) -> Answer:
    """Send one request and read the whole answer; redirects are answers like any other.

    Unlike the timeouts of httpx, which begin anew with each byte, `seconds` is the total.
    `traced` is for services of ours: they are told our request id and trace.

    Raises:
        UpstreamTimeout: the answer was not complete in time.
        UpstreamFailed: there is no connection, or no HTTP.
        UnusableAnswer: it has more than `max_bytes`, or is packed in another way than gzip.
    """
    request.headers["Accept-Encoding"] = "gzip"
    with observed(request):
        # Here, where the span is that of this very request.
        request.headers.update(trace_headers() if traced else {})
        return await send_in_time(client, request, seconds, max_bytes)


@contextmanager
def observed(request: httpx.Request) -> Iterator[None]:
    """Take down how long the answer takes, and what it is in the end."""
    started, outcome = time.perf_counter(), "answered"
    try:
        with outbound_span(request.method, request.url.host):
            yield
    except AppError as error:
        outcome = error.code
        raise
    finally:
        metrics.OUTBOUND_SECONDS.labels(outcome).observe(time.perf_counter() - started)


async def send_for_status(
    client: httpx.AsyncClient, request: httpx.Request, *, seconds: float
) -> int:
    """Send one request and return the status of the answer; its body is ignored.

    A short body is read for the sake of the connection, which can then be used again; any other
    is left, and the connection closed.

    Raises:
        UpstreamTimeout: there was no status in time.
        UpstreamFailed: there is no connection, or no HTTP.
    """
    request.headers["Accept-Encoding"] = "identity"
    with observed(request):
        async with answered(client, request, seconds) as response:
            await drain(response)
            return response.status_code


async def drain(response: httpx.Response) -> None:
    """Read a short body, if it comes at once; what is wrong with it does not matter."""
    received = 0
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for chunk in response.aiter_raw():
                received += len(chunk)
                if received > DRAIN_BYTES:
                    return


async def send_in_time(
    client: httpx.AsyncClient, request: httpx.Request, seconds: float, max_bytes: int
) -> Answer:
    try:
        async with answered(client, request, seconds) as response:
            content = await body(response, max_bytes)
            return Answer(response.status_code, response.headers, content)
    except zlib.error as error:
        raise UnusableAnswer from error


@asynccontextmanager
async def answered(
    client: httpx.AsyncClient, request: httpx.Request, seconds: float
) -> AsyncIterator[httpx.Response]:
    """The answer, once its headers have arrived; `seconds` include what is done with it."""
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
    received = bytearray()
    async for chunk in decoded(response, max_bytes):
        received += chunk
        # Both: a stream of nothing may be endless, and a small one unpack to anything.
        if max(len(received), response.num_bytes_downloaded) > max_bytes:
            raise UnusableAnswer("The answer of another service is too large.")
    return bytes(received)


def decoded(response: httpx.Response, max_bytes: int) -> AsyncIterator[bytes]:
    encoding = response.headers.get("content-encoding", "identity").lower()
    if encoding == "identity":
        return response.aiter_raw()
    if encoding in ("gzip", "x-gzip"):
        return unpacked(response.aiter_raw(), max_bytes)
    raise UnusableAnswer("Another service answered in an encoding that nobody asked for.")


async def unpacked(chunks: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[bytes]:
    """Gunzip what arrives, never more than one byte above `max_bytes` at once.

    httpx itself would unpack each chunk whole, to a thousand times its size at worst.
    """
    unpacking, is_empty = zlib.decompressobj(GZIP), True
    async for chunk in chunks:
        is_empty = False
        yield unpacking.decompress(chunk, max_bytes + 1)
    if not (is_empty or unpacking.eof):
        raise UnusableAnswer("The answer of another service ends too early.")
