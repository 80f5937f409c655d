"""Response cache of the external API."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.features.external.cache import Cache, CachePolicy
from app.features.external.store import NoStore
from tests.counting import counting
from tests.polling import eventually

POLICY = CachePolicy(fresh_seconds=60, stale_seconds=60)
STALE_AT_ONCE = CachePolicy(fresh_seconds=0, stale_seconds=60)


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


@pytest.fixture
async def cache() -> AsyncIterator[Cache]:
    cache = Cache(NoStore())
    yield cache
    await cache.close()


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
        cache = Cache(NoStore())
        waiting = asyncio.create_task(cache.get("key", source, POLICY))
        await loading(source)
        await cache.close()

        with pytest.raises(asyncio.CancelledError):
            await waiting


async def loading(source: Source) -> None:
    await eventually(lambda: source.loads)


async def served(cache: Cache, source: Source, value: dict[str, Any]) -> None:
    async def is_served() -> bool:
        return bool(await cache.get("key", source, POLICY) == value)

    await eventually(is_served)
