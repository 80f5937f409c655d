"""Redis or Valkey client: notifications and rate limits shared by all processes.

Replaces PostgreSQL's LISTEN where that is unavailable, as behind PgBouncer.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException, RedisError

from app.config.rate_limit_policy import Policy
from app.db.notifications import Notifications
from app.network.urls import one_host_each
from app.observability.logging import get_logger
from app.runtime.background import BackgroundLoop
from app.security.rate_limit import LocalWindows, Verdict

Client = Redis | RedisCluster

# With the client's defaults a request would wait for a minute if Redis hangs.
TIMEOUT_SECONDS = 0.25
POLL_SECONDS = 1.0
RETRY_SECONDS = 1.0
AT_ONCE = 16
PORT = 6379
# A cluster client that loses one node closes its connections to all nodes, even during a write:
# uvloop then raises RuntimeError.
FAILURES = (RedisError, RedisClusterException, RuntimeError)

log = get_logger("redis")


def create_redis(
    url: str,
    *,
    is_cluster: bool = False,
    retries: int = 1,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Client:
    """Create a client whose commands succeed or fail within twice the timeout.

    For a cluster the URL may name several hosts, `redis://host1:6379,host2:6379`: the client
    discovers the nodes from the first that responds.
    """
    options: dict[str, Any] = {
        "socket_connect_timeout": timeout_seconds,
        "socket_timeout": timeout_seconds,
        "retry": Retry(NoBackoff(), retries=retries),
        "decode_responses": True,
    }
    if not is_cluster:
        return Redis.from_url(url, **options)
    first, *others = one_host_each(url)
    nodes = [ClusterNode(str(each.hostname), each.port or PORT) for each in others]
    return RedisCluster.from_url(first.geturl(), startup_nodes=nodes or None, **options)


async def is_available(redis: Client) -> bool:
    try:
        await redis.ping()
    except RedisError as error:
        log.warning("Redis unreachable", reason=type(error).__name__)
        return False
    return True


class RedisPublisher:
    def __init__(self, redis: Client) -> None:
        self._redis = redis

    async def __call__(self, channel: str, payload: str) -> None:
        """Publish; the cause is committed already, so a failure is only logged."""
        try:
            await self._redis.publish(channel, payload)
        except FAILURES as error:
            log.warning("notification not published", channel=channel, reason=type(error).__name__)


# Atomic on the server, so that requests on different replicas are counted one by one.
COUNT = """
local count = redis.call('INCRBY', KEYS[1], ARGV[2])
if count == tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
"""


class RedisWindows:
    """Rate limits that are exact across replicas; per process while Redis is unreachable."""

    def __init__(self, redis: Client, policy: Policy) -> None:
        self.policy = policy
        self._redis = redis
        self._local = LocalWindows(policy)
        # A burst waits here: a thousand connections at once would time out.
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._unreachable_until = 0.0

    async def count(self, key: str, units: int = 1) -> Verdict:
        """Count a request of the key, with a cost of `units`."""
        async with self._slots:
            if time.monotonic() < self._unreachable_until:
                return await self._local.count(key, units)
            try:
                return await self._count_shared(key, units)
            except FAILURES as error:
                log.warning("Redis unreachable, counting in process", reason=type(error).__name__)
                self._unreachable_until = time.monotonic() + RETRY_SECONDS
                return await self._local.count(key, units)

    async def _count_shared(self, key: str, units: int) -> Verdict:
        milliseconds = self.policy.window_seconds * 1000
        # A cluster client without a slot map tries random nodes, and after a few redirections
        # closes all connections, including those in use.
        await self._redis.initialize()
        # The full script each time: its digest would have to be loaded on every cluster node.
        counted, left = await self._redis.eval(COUNT, 1, f"rate:{key}", milliseconds, units)
        return Verdict(self.policy.quota - counted, max(1, round(left / 1000)))


class RedisListener(BackgroundLoop):
    """Receives notifications from Redis, like `app.db.notifications.Listener` from PostgreSQL."""

    name = "redis listener"

    def __init__(
        self,
        connect: Callable[[], Client],
        notifications: Notifications,
    ) -> None:
        super().__init__()
        self._connect = connect
        self._notifications = notifications

    async def pause(self) -> None:
        await asyncio.sleep(RETRY_SECONDS)

    async def work(self) -> None:
        # A new client each time: the cluster node of the previous one may be gone.
        async with self._connect() as redis, redis.pubsub() as subscription:
            await subscription.subscribe(*self._notifications.receivers)
            self._notifications.reconnected()
            while True:
                message = await subscription.get_message(
                    ignore_subscribe_messages=True, timeout=POLL_SECONDS
                )
                if message:
                    self._notifications.receive(message["channel"], message["data"])
