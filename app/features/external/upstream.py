"""Client of an upstream service: credentials, retries and circuit breaker."""

import asyncio
import time

import httpcore
import httpx

from app.errors import AppError, NotFound, TooManyRequests
from app.features.external.circuit_breaker import BreakerOpen, CircuitBreakers
from app.features.external.retries import ATTEMPTS, RetryBudget, pause_seconds, retry_after_seconds
from app.features.http_client.bounded_network import BoundedTransport
from app.features.http_client.client import (
    DEADLINE_SECONDS,
    LIMITS,
    MAX_BYTES,
    UnusableResponse,
    UpstreamFailed,
    UpstreamResponse,
    UpstreamUnavailable,
    send,
    tls_context,
)
from app.observability import metrics

# With header fields, interim responses and the framing of chunks.
MAX_RECEIVED_BYTES = 2 * MAX_BYTES


class Upstream:
    """Sends requests below `base_url` only, so that the key reaches no other host."""

    def __init__(
        self,
        base_url: str,
        *,
        key: str,
        breakers: CircuitBreakers,
        budget: RetryBudget | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._host = httpx.URL(base_url).netloc.decode()
        self._authorization = {"Authorization": f"Bearer {key}"} if key else {}
        self._breakers = breakers
        self._budget = budget or RetryBudget()
        network, tls = httpcore.AnyIOBackend(), tls_context()
        transport = BoundedTransport(network, tls, LIMITS, max_bytes=MAX_RECEIVED_BYTES)
        self._client = httpx.AsyncClient(transport=transport, trust_env=False)

    async def close(self) -> None:
        await self._client.aclose()

    async def get(self, path: str) -> UpstreamResponse:
        """Send a GET, with retries, and return the successful response within 3 s.

        Raises:
            NotFound: the service responds with 404.
            UpstreamTimeout: it did not respond in time.
            UpstreamUnavailable: it is overloaded, or its circuit breaker is open.
            UpstreamFailed: it is unreachable, or its response is invalid.
        """
        ends_at = time.monotonic() + DEADLINE_SECONDS
        self._budget.earn()
        attempt = 0
        while True:
            try:
                return await self._attempt(path, ends_at - time.monotonic())
            except (UpstreamFailed, UpstreamUnavailable) as failure:
                pause = pause_seconds(attempt, failure)
                if not self._may_repeat(failure, attempt, ends_at - time.monotonic() - pause):
                    raise
            metrics.OUTBOUND_RETRIES.inc()
            await asyncio.sleep(pause)
            attempt += 1

    def _may_repeat(self, failure: AppError, attempt: int, seconds_left: float) -> bool:
        is_hopeless = isinstance(failure, UnusableResponse | BreakerOpen)
        has_time = attempt + 1 < ATTEMPTS and seconds_left > 0
        return has_time and not is_hopeless and self._budget.spend()

    async def _attempt(self, path: str, seconds: float) -> UpstreamResponse:
        headers = {"Accept": "application/json", **self._authorization}
        request = self._client.build_request("GET", self.base_url + path, headers=headers)
        with self._breakers.guard(self._host):
            response = await send(self._client, request, seconds=seconds, traced=True)
            raise_for_failure(response)
        reject_unusable(response)
        return response


def raise_for_failure(response: UpstreamResponse) -> None:
    """Raise for a response that indicates a failure of the whole service.

    Raises:
        UpstreamUnavailable: 429 or 503 with Retry-After.
        UpstreamFailed: 429 or a 5xx status.
    """
    pause = retry_after_seconds(response.headers)
    if (
        response.status in (TooManyRequests.status, UpstreamUnavailable.status)
        and pause is not None
    ):
        raise UpstreamUnavailable(retry_after_seconds=pause)
    if response.status == TooManyRequests.status or response.status >= AppError.status:
        raise UpstreamFailed


def reject_unusable(response: UpstreamResponse) -> None:
    """Reject a response other than 200.

    Raises:
        NotFound: the status is 404.
        UnusableResponse: the status is another one than 200.
    """
    if response.status == NotFound.status:
        raise NotFound("The external service does not have this resource.")
    if response.status != httpx.codes.OK:
        raise UnusableResponse("Another service sent an unexpected response.")
