"""Response cache: one load for concurrent misses, and invalidation."""

import asyncio

import pytest

from app.http.response_cache import ResponseCache

NAME = "tree"


class Maker:
    """Returns a new response each time, after it is released."""

    def __init__(self) -> None:
        self.made = 0
        self.gate = asyncio.Event()
        self.failure: Exception | None = None

    async def __call__(self) -> bytes:
        self.made += 1
        body = b"%d" % self.made
        await self.gate.wait()
        if self.failure:
            raise self.failure
        return body


@pytest.fixture
def maker() -> Maker:
    maker = Maker()
    maker.gate.set()
    return maker


class TestResponseCache:
    async def test_concurrent_misses_share_one_load(self, maker: Maker) -> None:
        kept = ResponseCache()

        answers = await asyncio.gather(*(kept.get(NAME, maker) for _ in range(500)))

        assert {answer.body for answer in answers} == {b"1"}

    async def test_expired_response_is_loaded_again(self, maker: Maker) -> None:
        kept = ResponseCache(lifetime_seconds=0)

        bodies = [(await kept.get(NAME, maker)).body for _ in range(2)]

        assert bodies == [b"1", b"2"]

    async def test_different_bodies_have_different_tags(self, maker: Maker) -> None:
        kept = ResponseCache()
        first = await kept.get(NAME, maker)
        kept.forget(NAME)

        assert (await kept.get(NAME, maker)).etag != first.etag

    async def test_load_begun_before_an_invalidation_is_not_cached(self) -> None:
        kept, maker = ResponseCache(), Maker()
        before = asyncio.create_task(kept.get(NAME, maker))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        kept.clear()
        after = asyncio.create_task(kept.get(NAME, maker))
        await asyncio.sleep(0)
        maker.gate.set()

        assert [(await each).body for each in (before, after)] == [b"1", b"2"]
        assert (await kept.get(NAME, maker)).body == b"2"

    async def test_failure_is_not_cached(self, maker: Maker) -> None:
        kept, maker.failure = ResponseCache(), LookupError("no luck")
        with pytest.raises(LookupError):
            await kept.get(NAME, maker)
        maker.failure = None

        assert (await kept.get(NAME, maker)).body == b"2"

    async def test_cancelled_caller_does_not_cancel_the_load_of_others(self) -> None:
        kept, maker = ResponseCache(), Maker()
        first, second = (asyncio.create_task(kept.get(NAME, maker)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        maker.gate.set()

        assert (await second).body == b"1"
