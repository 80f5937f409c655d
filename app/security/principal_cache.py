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
# Revocation is announced and takes effect at once; this bounds the harm of a lost
# announcement to less than the five seconds that are promised.
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
        """The principal as remembered, else as verified; `verify` gives its expiry besides.

        Many requests that miss at once share one verification, and its error.
        """
        known = self.get(credential)
        if known is not None:
            return known
        # Who comes after a revocation does not join a verification from before it.
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
        """Remember until `expires_at` (Unix seconds) or the end of the lifetime.

        `epoch` is that of the time before the principal was looked up: what was revoked
        meanwhile is not remembered.
        """
        if epoch != self.epoch:
            return
        self._entries.pop(credential, None)
        if len(self._entries) >= self._max_entries:
            del self._entries[next(iter(self._entries))]
        deadline = min(expires_at, time.time() + self._lifetime_seconds)
        self._entries[credential] = (principal, deadline)

    def forget(self, user_id: uuid.UUID) -> None:
        """Drop everything that belongs to a user whose rights changed."""
        self.epoch += 1
        gone = [key for key, (principal, _) in self._entries.items() if principal.id == user_id]
        for credential in gone:
            del self._entries[credential]

    def sample(self) -> None:
        """Tell the metrics what was looked up since the last time."""
        CACHED.inc(self.hits)
        UNKNOWN.inc(self.misses)
        self.hits = self.misses = 0

    def clear(self) -> None:
        self.epoch += 1
        self._entries.clear()
