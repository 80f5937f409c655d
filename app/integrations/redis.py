"""Redis or Valkey: notifications where PostgreSQL's LISTEN cannot go, as behind PgBouncer."""

import asyncio
import time
from collections.abc import Callable, Mapping

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.core.background import BackgroundLoop
from app.core.logging import get_logger
from app.core.rate_limit import LocalWindows, Policy, Verdict

Handler = Callable[[str], None]

# The client's own defaults hold a request for a minute when Redis hangs.
CONNECT_SECONDS = 0.2
READ_SECONDS = 0.25
POLL_SECONDS = 1.0
RETRY_SECONDS = 1.0
AT_ONCE = 16

log = get_logger("redis")


def create_redis(url: str, *, retries: int = 1) -> Redis:
    """A client that answers or fails within half a second."""
    return Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=READ_SECONDS,
        retry=Retry(NoBackoff(), retries=retries),
        decode_responses=True,
    )


class RedisPublisher:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def __call__(self, channel: str, payload: str) -> None:
        """Tell the listeners; what caused it is committed, so a failure is only logged."""
        try:
            await self._redis.publish(channel, payload)
        except RedisError as error:
            log.warning("notification lost", channel=channel, reason=type(error).__name__)


# One step on the server, so that requests on different replicas are counted one by one.
COUNT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
"""


class RedisWindows:
    """Rate limits that are exact over all replicas; without Redis, over each process."""

    def __init__(self, redis: Redis, policy: Policy) -> None:
        self.policy = policy
        self._count = redis.register_script(COUNT)
        self._local = LocalWindows(policy)
        # A burst waits here and not for a thousand connections, which would time out.
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._away_until = 0.0

    async def count(self, key: str) -> Verdict:
        """Count one request of the key."""
        async with self._turns:
            if time.monotonic() < self._away_until:
                return await self._local.count(key)
            try:
                return await self._count_everywhere(key)
            except RedisError as error:
                log.warning("counting in this process instead", reason=type(error).__name__)
                self._away_until = time.monotonic() + RETRY_SECONDS
                return await self._local.count(key)

    async def _count_everywhere(self, key: str) -> Verdict:
        milliseconds = self.policy.window_seconds * 1000
        counted, left = await self._count([f"rate:{key}"], [milliseconds])
        return Verdict(self.policy.quota - counted, max(1, round(left / 1000)))


class RedisListener(BackgroundLoop):
    """The counterpart of `app.db.notifications.Listener` for Redis."""

    name = "redis listener"

    def __init__(
        self, url: str, handlers: Mapping[str, Handler], *, on_reconnect: Callable[[], None]
    ) -> None:
        super().__init__()
        # A retry would subscribe again unseen, and what was said meanwhile would be missed.
        self._redis = create_redis(url, retries=0)
        self._handlers = handlers
        self._on_reconnect = on_reconnect

    async def close(self) -> None:
        await super().close()
        await self._redis.aclose()

    async def pause(self) -> None:
        await asyncio.sleep(RETRY_SECONDS)

    async def work(self) -> None:
        async with self._redis.pubsub() as subscription:
            await subscription.subscribe(*self._handlers)
            self._on_reconnect()
            while True:
                message = await subscription.get_message(
                    ignore_subscribe_messages=True, timeout=POLL_SECONDS
                )
                if message:
                    self._handlers[message["channel"]](message["data"])
