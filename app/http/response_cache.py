"""Response cache: serialized responses that are the same for all permitted callers, per process.

See docs/adr/0021-response-cache.md.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.observability import metrics

# Notifications on this channel carry the name of a response to invalidate.
CHANNEL = "response_cache"
# Bounds staleness if a notification is lost.
LIFETIME_SECONDS = 5.0

Make = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class CachedResponse:
    body: bytes
    etag: str
    expires_at: float


class ResponseCache:
    """Cached responses by name; names are constants of the service, so their number is bounded."""

    def __init__(self, *, lifetime_seconds: float = LIFETIME_SECONDS) -> None:
        self._lifetime_seconds = lifetime_seconds
        self._cached: dict[str, CachedResponse] = {}
        self._pending: dict[str, asyncio.Task[CachedResponse]] = {}

    async def get(self, name: str, make: Make) -> CachedResponse:
        """Return the response, which is created once for all concurrent callers.

        Exceptions of `make` propagate to all of them.
        """
        cached = self._cached.get(name)
        if cached is not None and cached.expires_at > time.monotonic():
            metrics.CACHE_REQUESTS.labels("answers", "hit").inc()
            return cached
        metrics.CACHE_REQUESTS.labels("answers", "miss").inc()
        if name not in self._pending:
            self._pending[name] = asyncio.create_task(self._make(name, make))
        return await asyncio.shield(self._pending[name])

    def forget(self, name: str) -> None:
        """Invalidate a response; later calls of `get` do not join a creation that has begun."""
        self._cached.pop(name, None)
        self._pending.pop(name, None)

    def clear(self) -> None:
        for name in {*self._cached, *self._pending}:
            self.forget(name)

    async def _make(self, name: str, make: Make) -> CachedResponse:
        task = asyncio.current_task()
        expires_at = time.monotonic() + self._lifetime_seconds
        try:
            body = await make()
            cached = CachedResponse(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"', expires_at)
            if self._pending.get(name) is task:
                self._cached[name] = cached
            return cached
        finally:
            if self._pending.get(name) is task:
                del self._pending[name]
