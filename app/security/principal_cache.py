"""Principal cache: the principals of verified credentials, for a few seconds."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable

from app.observability import metrics
from app.security.principals import Principal

Verify = Callable[[], Awaitable[tuple[Principal, float]]]

# The payload is the id of a user whose permissions changed.
CHANNEL = "principals"
# Revocation is published and takes effect at once; after a lost notification, the lifetime
# limits the delay to less than the promised five seconds.
LIFETIME_SECONDS = 4.0
MAX_ENTRIES = 10_000

CACHED = metrics.CACHE_REQUESTS.labels("principals", "hit")
UNKNOWN = metrics.CACHE_REQUESTS.labels("principals", "miss")


class PrincipalCache:
    """Principals by credential: bounded, and never beyond the credential's own expiry."""

    def __init__(
        self, *, lifetime_seconds: float = LIFETIME_SECONDS, max_entries: int = MAX_ENTRIES
    ) -> None:
        self._entries: dict[str, tuple[Principal, float]] = {}
        self._lifetime_seconds = lifetime_seconds
        self._max_entries = max_entries
        self._pending: dict[tuple[str, int], asyncio.Task[Principal]] = {}
        self.epoch = 0
        self.hits = 0
        self.misses = 0

    def get(self, credential: str) -> Principal | None:
        entry = self._entries.get(credential)
        if entry is None or entry[1] <= time.time():
            self.misses += 1
            return None
        self.hits += 1
        return entry[0]

    async def resolve(self, credential: str, verify: Verify) -> Principal:
        """Return the cached principal, or verify the credential.

        Concurrent misses share one verification, and its error.

        Args:
            verify: returns the principal and its expiry in Unix seconds.
        """
        known = self.get(credential)
        if known is not None:
            return known
        # A request after a revocation must not share a verification from before it.
        key = (credential, self.epoch)
        if key not in self._pending:
            task = self._pending[key] = asyncio.create_task(self._verify(key, verify))
            task.add_done_callback(lambda _: self._pending.pop(key))
        return await asyncio.shield(self._pending[key])

    async def _verify(self, key: tuple[str, int], verify: Verify) -> Principal:
        principal, expires_at = await verify()
        self.put(key[0], principal, expires_at=expires_at, epoch=key[1])
        return principal

    def put(self, credential: str, principal: Principal, *, expires_at: float, epoch: int) -> None:
        """Cache until `expires_at` (Unix seconds) or the end of the lifetime.

        `epoch` is the value before the principal was looked up: principals that were revoked
        meanwhile are not cached.
        """
        if epoch != self.epoch:
            return
        self._entries.pop(credential, None)
        if len(self._entries) >= self._max_entries:
            del self._entries[next(iter(self._entries))]
        deadline = min(expires_at, time.time() + self._lifetime_seconds)
        self._entries[credential] = (principal, deadline)

    def invalidate(self, user_id: uuid.UUID) -> None:
        """Remove the entries of a user whose permissions changed."""
        self.epoch += 1
        outdated = [key for key, (principal, _) in self._entries.items() if principal.id == user_id]
        for credential in outdated:
            del self._entries[credential]

    def sample(self) -> None:
        """Add hits and misses since the last call to the metrics."""
        CACHED.inc(self.hits)
        UNKNOWN.inc(self.misses)
        self.hits = self.misses = 0

    def clear(self) -> None:
        self.epoch += 1
        self._entries.clear()
