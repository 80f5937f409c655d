"""A real Valkey Cluster: windows, notifications, and the loss of a node."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest

from app.config.rate_limit_policy import Policy
from app.db.notifications import Notifications
from app.features.redis.client import (
    Client,
    RedisListener,
    RedisPublisher,
    RedisWindows,
    create_redis,
)
from tests.features.redis.cluster import Cluster, valkey_cluster
from tests.polling import PATIENCE_SECONDS, eventually

LIMIT = Policy(100, 60)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with valkey_cluster() as cluster:
        yield cluster


@pytest.fixture
async def redis(cluster: Cluster) -> AsyncIterator[Client]:
    # A busy machine is no failure here; TestLostNode has the timeout of production.
    redis = create_redis(cluster.url, is_cluster=True, timeout_seconds=PATIENCE_SECONDS)
    yield redis
    await redis.aclose()


class RecordingListener:
    """The notifications of a channel, received by a separate client."""

    def __init__(self, cluster: Cluster, channel: str) -> None:
        self.received: list[str] = []
        self.connected = 0
        connect = partial(create_redis, cluster.url, is_cluster=True, retries=0)
        notifications = Notifications()
        notifications.on_notification(channel, self.received.append)
        notifications.on_reconnect(self.on_reconnect)
        self.listener = RedisListener(connect, notifications)

    def on_reconnect(self) -> None:
        self.connected += 1

    async def is_connected(self) -> bool:
        return self.connected > 0

    async def has_received(self, payload: str) -> bool:
        return payload in self.received


class TestWindows:
    async def test_quota_is_exact_over_replicas_of_the_service(self, redis: Client) -> None:
        replicas = [RedisWindows(redis, LIMIT), RedisWindows(redis, LIMIT)]

        verdicts = await asyncio.gather(
            *(replicas[number % 2].count("any-client") for number in range(200))
        )

        assert sum(not verdict.is_rejected for verdict in verdicts) == 100

    async def test_keys_are_spread_over_the_nodes(self, redis: Client, cluster: Cluster) -> None:
        windows = RedisWindows(redis, LIMIT)
        for number in range(60):
            await windows.count(f"user-{number}")

        sizes = [node.ask("DBSIZE") for node in cluster.nodes[:3]]

        assert all(size > 5 for size in sizes)


class TestNotifications:
    async def test_notifications_reach_subscribers_of_every_node(
        self, cluster: Cluster, redis: Client
    ) -> None:
        channels = [f"channel-{number}" for number in range(6)]
        ears = [RecordingListener(cluster, channel) for channel in channels]
        for ear in ears:
            ear.listener.start()
            await eventually(ear.is_connected)

        for channel in channels:
            await RedisPublisher(redis)(channel, f"news of {channel}")

        for channel, ear in zip(channels, ears, strict=True):
            await eventually(partial(ear.has_received, f"news of {channel}"))
            await ear.listener.close()


class TestLostNode:
    """The last, since it leaves the cluster without one of its nodes."""

    async def test_rejects_no_request_and_counts_shared_again(self) -> None:
        with valkey_cluster() as cluster:
            redis = create_redis(cluster.url, is_cluster=True)
            windows, ear = RedisWindows(redis, LIMIT), RecordingListener(cluster, "news")
            ear.listener.start()
            await eventually(ear.is_connected)
            await windows.count("any-client")
            ear.connected = 0
            cluster.primary_of("rate:any-client").kill()

            verdicts = await asyncio.gather(*(windows.count("any-client") for _ in range(50)))
            await eventually(partial(is_counted_by_all, windows, redis))
            await eventually(partial(is_notified, redis, ear))

            await ear.listener.close()
            await redis.aclose()
        assert not any(verdict.is_rejected for verdict in verdicts)


async def is_counted_by_all(windows: RedisWindows, redis: Client) -> bool:
    """Whether two processes count the same window again."""
    before = await windows.count("any-client")
    after = await RedisWindows(redis, LIMIT).count("any-client")
    return after.remaining == before.remaining - 1


async def is_notified(redis: Client, ear: RecordingListener) -> bool:
    await RedisPublisher(redis)("news", "after")
    return await ear.has_received("after")
