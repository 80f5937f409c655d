"""Use of Redis by another feature, which its module `redis` declares as `extension`."""

from collections.abc import Callable
from dataclasses import dataclass

from app.features.redis.settings import RedisSettings
from app.startup import Startup


@dataclass(frozen=True, slots=True)
class RedisUse:
    connect: Callable[[Startup, RedisSettings], None]
    """Called during the start if there is a Redis."""
