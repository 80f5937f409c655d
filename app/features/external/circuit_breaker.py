"""Circuit breakers: stop requests to a host for a while after repeated failures."""

import math
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from app.features.http_client.client import (
    UnusableResponse,
    UpstreamFailed,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from app.observability import metrics

FAILURES = 5
OPEN_SECONDS = 5.0
MAX_HOSTS = 256

State = Literal["closed", "open", "half-open"]


class BreakerOpen(UpstreamUnavailable):
    """The breaker of another service is open; requests resume after Retry-After."""


@dataclass
class Breaker:
    """Closed until `FAILURES` in a row, then open, then half-open: one trial request passes."""

    failures: int = 0
    opened_until: float = 0.0
    is_trying: bool = False

    @property
    def state(self) -> State:
        if not self.opened_until:
            return "closed"
        return "open" if time.monotonic() < self.opened_until else "half-open"

    def enter(self) -> None:
        """Admit a request; a half-open breaker admits one.

        Raises:
            BreakerOpen: the breaker is open, or half-open with a request in progress.
        """
        if self.state == "open" or self.is_trying:
            left = max(1, math.ceil(self.opened_until - time.monotonic()))
            raise BreakerOpen("Another service has failed too often.", retry_after_seconds=left)
        self.is_trying = self.state == "half-open"

    def succeeded(self) -> None:
        self.failures, self.opened_until = 0, 0.0

    def failed(self, open_seconds: float) -> None:
        self.failures += 1
        if self.failures >= FAILURES:
            metrics.BREAKERS_OPENED.inc()
            self.opened_until = time.monotonic() + open_seconds


class CircuitBreakers:
    """One breaker per host; beyond `MAX_HOSTS` the least recently used is dropped."""

    def __init__(self, *, open_seconds: float = OPEN_SECONDS) -> None:
        self._open_seconds = open_seconds
        self._breakers: OrderedDict[str, Breaker] = OrderedDict()

    def states(self) -> dict[str, State]:
        return {host: breaker.state for host, breaker in self._breakers.items()}

    @contextmanager
    def guard(self, host: str) -> Iterator[None]:
        """Record the outcome of a request to the host.

        An unusable response and a cancelled request do not count as failures.

        Raises:
            BreakerOpen: the breaker is open; no request is sent.
        """
        breaker = self._of(host)
        breaker.enter()
        try:
            yield
            breaker.succeeded()
        except UnusableResponse:
            raise
        except (UpstreamFailed, UpstreamTimeout, UpstreamUnavailable):
            breaker.failed(self._open_seconds)
            raise
        finally:
            breaker.is_trying = False

    def _of(self, host: str) -> Breaker:
        breaker = self._breakers.setdefault(host, Breaker())
        self._breakers.move_to_end(host)
        if len(self._breakers) > MAX_HOSTS:
            self._breakers.popitem(last=False)
        return breaker
