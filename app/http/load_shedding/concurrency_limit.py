"""Concurrency limit: the number of requests in flight, and the deadline of each."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.errors import Unavailable
from app.http.load_shedding.admission_queue import AdmissionQueue, Clock
from app.http.load_shedding.fair_queue import Client
from app.observability import metrics
from app.observability.logging import get_logger

# Event loop lag, which delays a request once for each round trip to the database, or the wait
# for a database connection, above which the worker is saturated.
MAX_LAG_SECONDS = 0.008
INITIAL_LIMIT, MIN_LIMIT = 32, 6
MAX_DECREASE, INCREASE = 0.5, 1.1
# Requests without a known credential use only this share, so that known callers have capacity.
ANONYMOUS_SHARE = 0.75

log = get_logger("load")


class Overloaded(Unavailable):
    code = "overloaded"
    title = "Service overloaded"
    remedy = "The request was not executed. Repeat it after the time in Retry-After."


class ConcurrencyLimit:
    """Counts the requests in flight and bounds them by a limit that adapts to lag.

    The limit follows lag as TCP follows packet loss: down to half after two late ticks in a
    row, a tenth up after any other tick if all of it was used. A single late tick is a pause of
    the machine. Requests above the limit wait in the admission queue, if that is short.
    Requests that wait for their client, or in another queue, are not counted meanwhile.
    A limit that is not adaptive stays at `maximum`.
    """

    def __init__(
        self,
        *,
        maximum: int,
        timeout_seconds: float,
        is_adaptive: bool = True,
        clock: Clock = time.monotonic,
    ) -> None:
        self.maximum = maximum
        # Less, because requests also wait in the queue, and are expired by the next tick.
        self._timeout_seconds = timeout_seconds * 0.9
        self._is_adaptive = is_adaptive
        self.limit = float(min(INITIAL_LIMIT, maximum) if is_adaptive else maximum)
        self.in_flight = 0
        self._queue = AdmissionQueue(clock)
        # Admitted from the queue, and not started yet.
        self._admitted = 0
        self._peak = 0
        self._previous_lag = 0.0
        self._rejected = 0
        # In the order of the deadlines, because all timeouts are equal.
        self._deadlines: dict[Work, float] = {}

    def has_capacity(self, is_known: bool) -> bool:
        """Return whether one more request may start, with or without a known credential."""
        limit = self.limit if is_known else self.limit * ANONYMOUS_SHARE
        return self.in_flight + self._admitted < limit

    async def wait(self, client: Client, *, is_known: bool) -> bool:
        """Wait for capacity; return False if the request is to be rejected."""
        if self._queue.is_too_long(client, is_known=is_known):
            return False
        admission = self._queue.join(client, is_known=is_known)
        try:
            return await admission
        finally:
            if admission.done() and not admission.cancelled() and admission.result():
                self._admitted -= 1

    def begin(self, expire: Callable[[], None]) -> "Work":
        """Count a request from now on; `expire` is called once when its deadline has passed."""
        return Work(self, expire)

    def on_rejected(self) -> None:
        """Count a rejected request."""
        self._rejected += 1
        metrics.REQUESTS_SHED.inc()

    def enter(self) -> None:
        self.in_flight += 1
        self._peak = max(self._peak, self.in_flight)

    def leave(self) -> None:
        self.in_flight -= 1

    def finish(self) -> None:
        """Stop counting a request, and admit the next one of the queue."""
        self._queue.on_slot_released()
        self.leave()
        self._admit()

    def start_clock(self, work: "Work") -> None:
        self._deadlines[work] = time.monotonic() + self._timeout_seconds

    def stop_clock(self, work: "Work") -> None:
        self._deadlines.pop(work, None)

    def on_tick(self, lag_seconds: float) -> None:
        """Adapt the limit to the lag, and expire requests whose deadline has passed."""
        if self._is_adaptive:
            self._adapt(lag_seconds)
        self._admit()
        self._queue.expire()
        for work in self._overdue(time.monotonic()):
            self.stop_clock(work)
            work.expire()

    def _adapt(self, lag_seconds: float) -> None:
        lag, self._previous_lag = min(lag_seconds, self._previous_lag), lag_seconds
        if lag <= MAX_LAG_SECONDS:
            if self._peak + 1 > self.limit:
                self.limit = min(self.maximum, self.limit * INCREASE)
        elif self._peak > MIN_LIMIT:  # Fewer requests are not the cause of the lag.
            factor = max(MAX_DECREASE, MAX_LAG_SECONDS / lag)
            self.limit = max(MIN_LIMIT, min(self.limit, self._peak) * factor)
        self._peak = self.in_flight

    def sample(self) -> None:
        """Set the gauges, and log the number of requests rejected since the last sample."""
        metrics.IN_FLIGHT.set(self.in_flight)
        metrics.IN_FLIGHT_LIMIT.set(self.limit)
        rejected, self._rejected = self._rejected, 0
        if rejected:
            log.warning("overloaded", refused=rejected, limit=round(self.limit))

    def _admit(self) -> None:
        while self._queue.admit_next(self.has_capacity):
            self._admitted += 1

    def _overdue(self, now: float) -> "list[Work]":
        overdue = []
        for work, deadline in self._deadlines.items():
            if deadline > now:
                break
            overdue.append(work)
        return overdue


class Work:
    """One request in flight: counted, and bounded by a deadline, while the service works on it."""

    __slots__ = ("_is_counted", "_is_timed", "_limit", "expire")

    def __init__(self, limit: ConcurrencyLimit, expire: Callable[[], None]) -> None:
        self._limit = limit
        self.expire = expire
        self._is_counted = self._is_timed = True
        limit.enter()
        limit.start_clock(self)

    def end(self) -> None:
        """Stop counting the request: the duration of the rest depends on the client."""
        self.stop_clock()
        if self._is_counted:
            self._is_counted = False
            self._limit.finish()

    def stop_clock(self) -> None:
        """Remove the deadline of a request that has other limits."""
        if self._is_timed:
            self._is_timed = False
            self._limit.stop_clock(self)

    @contextmanager
    def uncounted(self) -> Iterator[None]:
        """Do not count the request inside the block, which waits; the deadline still holds."""
        self._limit.leave()
        try:
            yield
        finally:
            self._limit.enter()

    @contextmanager
    def waiting_for_client(self) -> Iterator[None]:
        """Do not count the request inside the block, and restart its deadline after it."""
        self._limit.stop_clock(self)
        with self.uncounted():
            yield
        if self._is_timed:
            self._limit.start_clock(self)
