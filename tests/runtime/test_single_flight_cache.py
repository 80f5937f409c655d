"""Single-flight cache: shared loads, lifetime, bounds and invalidation."""

import asyncio
from collections.abc import Callable

import pytest

from app.runtime.single_flight_cache import SingleFlightCache


class Source:
    """Returns the number of its loads, each once the gate is open."""

    def __init__(self, *, seconds: float = 60, is_open: bool = True) -> None:
        self.loads = 0
        self.seconds = seconds
        self.failure: Exception | None = None
        self.gate = asyncio.Event()
        if is_open:
            self.gate.set()

    async def __call__(self) -> tuple[int, float]:
        self.loads += 1
        number = self.loads
        await self.gate.wait()
        if self.failure:
            raise self.failure
        return number, self.seconds

    async def has_begun(self, loads: int = 1) -> None:
        while self.loads < loads:
            await asyncio.sleep(0)


def create_cache(max_entries: int = 10) -> SingleFlightCache[str, int]:
    return SingleFlightCache(max_entries=max_entries)


INVALIDATIONS: list[Callable[[SingleFlightCache[str, int]], None]] = [
    lambda cache: cache.invalidate("key"),
    lambda cache: cache.invalidate_where(lambda value: value == 1),
    lambda cache: cache.clear(),
]


@pytest.fixture(params=INVALIDATIONS, ids=["one key", "by value", "all"])
def invalidate(request: pytest.FixtureRequest) -> Callable[[SingleFlightCache[str, int]], None]:
    invalidate: Callable[[SingleFlightCache[str, int]], None] = request.param
    return invalidate


class TestLoad:
    async def test_concurrent_misses_share_a_load(self) -> None:
        cache, source = create_cache(), Source()

        values = await asyncio.gather(*(cache.get("key", source) for _ in range(500)))

        assert (values, source.loads) == ([1] * 500, 1)

    async def test_error_reaches_all_who_wait_and_is_not_kept(self) -> None:
        cache, source = create_cache(), Source()
        source.failure = LookupError("no luck")
        results = await asyncio.gather(
            *(cache.get("key", source) for _ in range(3)), return_exceptions=True
        )
        source.failure = None

        assert [type(result) for result in results] == [LookupError] * 3
        assert [await cache.get("key", source) for _ in range(2)] == [2, 2]

    async def test_cancelled_caller_leaves_the_load_to_the_others(self) -> None:
        cache, source = create_cache(), Source(is_open=False)
        leaving, staying = (asyncio.create_task(cache.get("key", source)) for _ in range(2))
        await source.has_begun()
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        source.gate.set()

        assert (await staying, source.loads) == (1, 1)

    async def test_load_replaces_a_value_that_is_still_cached(self) -> None:
        cache, source = create_cache(), Source()
        await cache.get("key", source)

        await cache.load("key", source)

        assert await cache.get("key", source) == 2

    async def test_close_cancels_loads_after_the_grace_period(self) -> None:
        cache, source = create_cache(), Source(is_open=False)
        loading = cache.load("key", source)

        await cache.close(grace_seconds=0)

        assert loading.cancelled()


class TestLifetime:
    async def test_value_is_kept_for_the_seconds_that_the_load_returns(self) -> None:
        cache, kept, expired = create_cache(), Source(), Source(seconds=0)

        values = [await cache.get(key, source) for key, source in (("a", kept), ("b", expired)) * 2]

        assert values == [1, 1, 1, 2]
        assert (cache.peek("a"), cache.peek("b")) == (1, None)

    async def test_hits_and_misses_are_counted(self) -> None:
        cache, source = create_cache(), Source()

        for _ in range(3):
            await cache.get("key", source)

        assert (cache.hits, cache.misses) == (2, 1)

    async def test_oldest_value_leaves_a_full_cache(self) -> None:
        cache, source = create_cache(max_entries=2), Source()

        for key in ("a", "b", "c"):
            await cache.get(key, source)

        assert [cache.peek(key) for key in ("a", "b", "c")] == [None, 2, 3]


class TestInvalidation:
    async def test_invalidated_value_is_loaded_again(
        self, invalidate: Callable[[SingleFlightCache[str, int]], None]
    ) -> None:
        cache, source = create_cache(), Source()
        await cache.get("key", source)

        invalidate(cache)

        assert await cache.get("key", source) == 2

    async def test_other_values_stay(self) -> None:
        cache, source = create_cache(), Source()
        await cache.get("key", source)
        await cache.get("other", source)

        cache.invalidate("key")
        cache.invalidate_where(lambda value: value == 1)

        assert cache.peek("other") == 2

    async def test_load_from_before_is_neither_joined_nor_kept(
        self, invalidate: Callable[[SingleFlightCache[str, int]], None]
    ) -> None:
        cache, source = create_cache(), Source(is_open=False)
        before = asyncio.create_task(cache.get("key", source))
        await source.has_begun()
        invalidate(cache)
        after = asyncio.create_task(cache.get("key", source))
        await source.has_begun(loads=2)
        source.gate.set()

        assert (await before, await after) == (1, 2)
        assert await cache.get("key", source) == 2
