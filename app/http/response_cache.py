"""Answers that are the same for all who may ask, kept as bytes by the process that made them.

See docs/adr/0021-one-answer-is-kept.md.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.observability import metrics

# What names an answer here is not what it was any more.
CHANNEL = "response_cache"
# A change is told at once; this is for the lost word.
LIFETIME_SECONDS = 5.0

Make = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class CachedResponse:
    body: bytes
    etag: str
    ends_at: float


class ResponseCache:
    """By names of our own, so that there are few of them."""

    def __init__(self, *, lifetime_seconds: float = LIFETIME_SECONDS) -> None:
        self._lifetime_seconds = lifetime_seconds
        self._answers: dict[str, CachedResponse] = {}
        self._making: dict[str, asyncio.Task[CachedResponse]] = {}

    async def get(self, name: str, make: Make) -> CachedResponse:
        """The answer, made once for all who wait for it; raises what `make` raises."""
        kept = self._answers.get(name)
        if kept is not None and kept.ends_at > time.monotonic():
            metrics.CACHE_REQUESTS.labels("answers", "hit").inc()
            return kept
        metrics.CACHE_REQUESTS.labels("answers", "miss").inc()
        if name not in self._making:
            self._making[name] = asyncio.create_task(self._make(name, make))
        return await asyncio.shield(self._making[name])

    def forget(self, name: str) -> None:
        """Make it anew; whoever asks from now on gets nothing that was begun before."""
        self._answers.pop(name, None)
        self._making.pop(name, None)

    def clear(self) -> None:
        for name in {*self._answers, *self._making}:
            self.forget(name)

    async def _make(self, name: str, make: Make) -> CachedResponse:
        this = asyncio.current_task()
        ends_at = time.monotonic() + self._lifetime_seconds
        try:
            body = await make()
            kept = CachedResponse(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"', ends_at)
            if self._making.get(name) is this:
                self._answers[name] = kept
            return kept
        finally:
            if self._making.get(name) is this:
                del self._making[name]
