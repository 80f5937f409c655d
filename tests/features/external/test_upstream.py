"""The upstream client against a real socket that hangs, drips, fails or works."""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from app.devtools.demo_upstream import DemoApi, serving
from app.errors import AppError, NotFound
from app.features.external import circuit_breaker as breaker_limits
from app.features.external.circuit_breaker import BreakerOpen, CircuitBreakers
from app.features.external.retries import (
    MAX_RETRY_AFTER_SECONDS,
    RetryBudget,
    pause_seconds,
    retry_after_seconds,
)
from app.features.external.upstream import Upstream
from app.features.http_client.client import (
    UnusableResponse,
    UpstreamFailed,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from app.observability.request_context import request_id
from tests.counting import counting
from tests.polling import PATIENCE_SECONDS, eventually

OPEN_SECONDS = 0.2


@pytest.fixture
def demo() -> DemoApi:
    return DemoApi()


@pytest.fixture
async def url(demo: DemoApi) -> AsyncIterator[str]:
    async with serving(demo) as url:
        yield url


@pytest.fixture
def breakers() -> CircuitBreakers:
    return CircuitBreakers(open_seconds=OPEN_SECONDS)


@pytest.fixture
async def upstream(url: str, breakers: CircuitBreakers) -> AsyncIterator[Upstream]:
    upstream = Upstream(url, key="a-key", breakers=breakers)
    yield upstream
    await upstream.close()


async def failure(upstream: Upstream, path: str) -> AppError:
    with pytest.raises(AppError) as caught:
        await upstream.get(path)
    return caught.value


class TestRequests:
    async def test_response_is_returned(self, upstream: Upstream) -> None:
        response = await upstream.get("/resources/news")

        assert response.status == 200
        assert b'"id": "news"' in response.body

    async def test_key_and_request_id_are_sent(self, upstream: Upstream, demo: DemoApi) -> None:
        request_id.set("a-request")

        await upstream.get("/resources/news")

        assert demo.headers["authorization"] == "Bearer a-key"
        assert demo.headers["x-request-id"] == "a-request"

    async def test_no_key_is_sent_without_the_setting(
        self, url: str, demo: DemoApi, breakers: CircuitBreakers
    ) -> None:
        upstream = Upstream(url + "/", key="", breakers=breakers)
        await upstream.get("/resources/news")
        await upstream.close()

        assert "authorization" not in demo.headers
        assert demo.requests == {"/resources/news": 1}

    async def test_redirect_is_not_followed(self, upstream: Upstream, demo: DemoApi) -> None:
        assert type(await failure(upstream, "/resources/moved")) is UnusableResponse
        assert demo.requests == {"/resources/moved": 1}

    async def test_missing_resource_is_not_found(self, upstream: Upstream) -> None:
        assert type(await failure(upstream, "/resources/missing")) is NotFound

    async def test_proxies_of_the_environment_are_ignored(
        self, url: str, breakers: CircuitBreakers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        upstream = Upstream(url, key="", breakers=breakers)

        assert (await upstream.get("/resources/news")).status == 200

        await upstream.close()


class TestCosts:
    async def test_hanging_and_dripping_end_after_three_seconds(
        self, upstream: Upstream, demo: DemoApi
    ) -> None:
        started = time.monotonic()

        async with asyncio.timeout(PATIENCE_SECONDS):
            failures = await asyncio.gather(
                failure(upstream, "/resources/hanging"), failure(upstream, "/resources/dripping")
            )

        assert {type(each) for each in failures} == {UpstreamTimeout}
        assert time.monotonic() - started >= 3
        assert demo.requests == {"/resources/hanging": 1, "/resources/dripping": 1}

    @pytest.mark.parametrize("name", ["huge", "bomb"])
    async def test_huge_response_is_not_retried(
        self, upstream: Upstream, demo: DemoApi, name: str
    ) -> None:
        assert type(await failure(upstream, f"/resources/{name}")) is UnusableResponse
        assert demo.requests[f"/resources/{name}"] == 1

    async def test_server_works_after_a_client_disconnects(self, upstream: Upstream) -> None:
        await failure(upstream, "/resources/huge")

        assert (await upstream.get("/resources/news")).status == 200


class TestRetries:
    async def test_failure_is_retried(self, upstream: Upstream, demo: DemoApi) -> None:
        retries = counting("outbound_retries")

        response = await upstream.get("/resources/flaky")

        assert response.status == 200
        assert demo.requests["/resources/flaky"] == 2
        assert retries() == 1

    async def test_third_failure_is_the_last(self, upstream: Upstream, demo: DemoApi) -> None:
        assert type(await failure(upstream, "/resources/failing")) is UpstreamFailed
        assert demo.requests["/resources/failing"] == 3

    async def test_refused_connection_is_retried(self, breakers: CircuitBreakers) -> None:
        upstream = Upstream("http://127.0.0.1:1", key="", breakers=breakers)
        retries = counting("outbound_retries")

        assert type(await failure(upstream, "/")) is UpstreamFailed

        await upstream.close()
        assert retries() == 2

    async def test_wait_beyond_the_deadline_is_left_to_the_caller(
        self, upstream: Upstream, demo: DemoApi
    ) -> None:
        busy = await failure(upstream, "/resources/busy")

        assert type(busy) is UpstreamUnavailable
        assert busy.headers == {"Retry-After": "7"}
        assert demo.requests["/resources/busy"] == 1

    async def test_retry_budget_ends(self, url: str, demo: DemoApi) -> None:
        breakers = CircuitBreakers(open_seconds=0)
        upstream = Upstream(url, key="", breakers=breakers, budget=RetryBudget(reserve=1))

        for _ in range(4):
            await failure(upstream, "/resources/failing")

        await upstream.close()
        assert demo.requests["/resources/failing"] == 5

    async def test_retry_budget_grows_by_a_tenth_of_the_requests(self) -> None:
        budget = RetryBudget(share=0.25, reserve=1)
        assert budget.spend()
        assert not budget.spend()

        for _ in range(4):
            budget.earn()

        assert budget.spend()
        assert not budget.spend()

    def test_backoff_is_at_least_retry_after(self) -> None:
        asked = UpstreamUnavailable(retry_after_seconds=2)

        assert all(2 <= pause_seconds(0, asked) <= 2.1 for _ in range(100))

    def test_pauses_are_spread_and_grow(self) -> None:
        first = [pause_seconds(0, UpstreamFailed()) for _ in range(200)]
        second = [pause_seconds(1, UpstreamFailed()) for _ in range(200)]

        assert len(set(first)) > 100
        assert max(first) <= 0.1 < max(second) <= 0.2

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("0", 0),
            ("12", 12),
            ("9" * 100, MAX_RETRY_AFTER_SECONDS),
            ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
            ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER_SECONDS),
            ("-1", None),
            ("soon", None),
            ("", None),
        ],
    )
    def test_retry_after_is_read(self, value: str, seconds: int | None) -> None:
        assert retry_after_seconds(httpx.Headers({"Retry-After": value})) == seconds


class TestBreaker:
    async def test_opens_after_five_failures_and_sends_no_requests(
        self, upstream: Upstream, demo: DemoApi, breakers: CircuitBreakers
    ) -> None:
        await open_breaker(upstream)

        rejected = await failure(upstream, "/resources/news")

        assert type(rejected) is BreakerOpen
        assert rejected.headers == {"Retry-After": "1"}
        assert demo.requests == {"/resources/failing": breaker_limits.FAILURES}
        assert list(breakers.states().values()) == ["open"]

    async def test_half_open_breaker_sends_one_request_and_closes(
        self, upstream: Upstream, demo: DemoApi, breakers: CircuitBreakers
    ) -> None:
        await open_breaker(upstream)
        await half_open(breakers)

        one = asyncio.create_task(upstream.get("/resources/slow"))
        await requested(demo, "/resources/slow")
        others = [await failure(upstream, "/resources/news") for _ in range(3)]

        assert (await one).status == 200
        assert {type(each) for each in others} == {BreakerOpen}
        assert list(breakers.states().values()) == ["closed"]
        assert (await upstream.get("/resources/news")).status == 200

    async def test_failed_trial_opens_the_breaker_again(
        self, upstream: Upstream, demo: DemoApi, breakers: CircuitBreakers
    ) -> None:
        opened = counting("outbound_breakers_opened")
        await open_breaker(upstream)
        await half_open(breakers)

        await failure(upstream, "/resources/failing")

        assert list(breakers.states().values()) == ["open"]
        assert opened() == 2
        assert demo.requests == {"/resources/failing": breaker_limits.FAILURES + 1}

    async def test_cancelled_trial_permits_another(
        self, upstream: Upstream, demo: DemoApi, breakers: CircuitBreakers
    ) -> None:
        await open_breaker(upstream)
        await half_open(breakers)
        one = asyncio.create_task(upstream.get("/resources/hanging"))
        await requested(demo, "/resources/hanging")

        one.cancel()
        await asyncio.wait({one})

        assert (await upstream.get("/resources/news")).status == 200

    async def test_unusable_responses_do_not_open_the_breaker(
        self, upstream: Upstream, breakers: CircuitBreakers
    ) -> None:
        for _ in range(2 * breaker_limits.FAILURES):
            await failure(upstream, "/resources/moved")
            await failure(upstream, "/resources/missing")

        assert list(breakers.states().values()) == ["closed"]

    def test_table_of_hosts_is_bounded(self) -> None:
        breakers = CircuitBreakers()

        for number in range(2 * breaker_limits.MAX_HOSTS):
            with breakers.guard(f"host-{number}.example"):
                pass

        assert len(breakers.states()) == breaker_limits.MAX_HOSTS


async def open_breaker(upstream: Upstream) -> None:
    """Three failures of the first call, two of the second before the breaker rejects its third."""
    await failure(upstream, "/resources/failing")
    await failure(upstream, "/resources/failing")


async def half_open(breakers: CircuitBreakers) -> None:
    await eventually(lambda: list(breakers.states().values()) == ["half-open"])


async def requested(demo: DemoApi, path: str) -> None:
    await eventually(lambda: demo.requests[path])
