"""Rate limiting: quotas within fixed windows, counted in this process."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from app.config.rate_limit_policy import Policy

MAX_KEYS = 100_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """Result of counting: requests left after this one, and seconds until the window ends."""

    remaining: int
    reset_seconds: int

    @property
    def is_rejected(self) -> bool:
        return self.remaining < 0

    def headers(self, policy: Policy) -> list[tuple[bytes, bytes]]:
        """Return the fields of draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4."""
        left = max(0, self.remaining)
        return [
            (b"ratelimit-policy", b'"default";q=%d;w=%d' % (policy.quota, policy.window_seconds)),
            (b"ratelimit", b'"default";r=%d;t=%d' % (left, self.reset_seconds)),
        ]


class Windows(Protocol):
    """Counts requests by key, within windows of the policy."""

    policy: Policy

    async def count(self, key: str, units: int = 1) -> Verdict:
        """Count a request of the key as `units` requests."""


CreateWindows = Callable[[Policy], Windows]


class LocalWindows:
    """Exact within one process, at the cost of a dictionary lookup."""

    def __init__(
        self,
        policy: Policy,
        clock: Callable[[], float] = time.monotonic,
        *,
        max_keys: int = MAX_KEYS,
    ) -> None:
        self.policy = policy
        self._max_keys = max_keys
        self._clock = clock
        self._windows: dict[str, list[float]] = {}

    async def count(self, key: str, units: int = 1) -> Verdict:
        """Count a request of the key as `units` requests."""
        now = self._clock()
        window = self._windows.get(key)
        if window is None or window[0] <= now:
            self._windows.pop(key, None)
            self._evict_oldest()
            window = self._windows[key] = [now + self.policy.window_seconds, 0]
        window[1] += units
        return Verdict(self.policy.quota - int(window[1]), max(1, round(window[0] - now)))

    def _evict_oldest(self) -> None:
        """Evict the oldest windows: all have the same length, so they also end first."""
        while len(self._windows) >= self._max_keys:
            del self._windows[next(iter(self._windows))]
