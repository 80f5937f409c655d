"""Concurrency limit: the number of requests in flight, and the deadline of each."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.errors import Unavailable
from app.http.load_shedding.admission_queue import AdmissionQueue, Clock
from app.http.load_shedding.fair_queue import Client
from app.observability import metrics
from app.observability.logging import get_logger

# What makes requests late: a loop that comes to its work so much later, once for each round
# trip to the database, or so long a wait for a connection.
LATE_SECONDS = 0.008
FIRST, LEAST = 32, 6
MOST_DOWN, UP = 0.5, 1.1
# Callers whom nobody knows get no more than this part, so that the others still get in.
ANONYMOUS_PART = 0.75

log = get_logger("load")


class Overloaded(Unavailable):
    code = "overloaded"
    title = "Too much to do"
    remedy = "Nothing was done. Repeat the request after the time that Retry-After says."


class Load:
    """The requests that are being worked on, and how many they may be.

    The limit follows how late the work gets done, as TCP follows lost packets: down to half
    when two beats in a row find it late, a tenth up when they do not and all of it was used.
    One that is late by itself is a hiccup of the machine. Whoever comes on top waits in line,
    if that is short. Whoever waits for a client, or in a line of its own, is not counted
    meanwhile. If it is not adaptive, the limit stays at `most`.
    """

    def __init__(
        self,
        *,
        most: int,
        timeout_seconds: float,
        is_adaptive: bool = True,
        clock: Clock = time.monotonic,
    ) -> None:
        self.most = most
        # Less, because of the time in line, and because it is a beat that finds what is overdue.
        self._timeout_seconds = timeout_seconds * 0.9
        self._is_adaptive = is_adaptive
        self.limit = float(min(FIRST, most) if is_adaptive else most)
        self.in_flight = 0
        self._line = AdmissionQueue(clock)
        self._invited = 0
        self._peak = 0
        self._late_before = 0.0
        self._refused = 0
        # In the order in which they end, since all may last equally long.
        self._deadlines: dict[Work, float] = {}

    def has_room(self, is_known: bool) -> bool:
        room = self.limit if is_known else self.limit * ANONYMOUS_PART
        return self.in_flight + self._invited < room

    async def wait(self, client: Client, *, is_known: bool) -> bool:
        """Wait in line for room; False if it would take too long."""
        if self._line.is_hopeless(client, is_known=is_known):
            return False
        turn = self._line.join(client, is_known=is_known)
        try:
            return await turn
        finally:
            if turn.done() and not turn.cancelled() and turn.result():
                self._invited -= 1

    def begin(self, expire: Callable[[], None]) -> "Work":
        """Take on one piece of work; `expire` is called once when it lasts too long."""
        return Work(self, expire)

    def refuse(self) -> None:
        self._refused += 1
        metrics.REQUESTS_SHED.inc()

    def enter(self) -> None:
        self.in_flight += 1
        self._peak = max(self._peak, self.in_flight)

    def leave(self) -> None:
        self.in_flight -= 1

    def finish(self) -> None:
        """Leave for good: the place goes to the next in line."""
        self._line.note_free_place()
        self.leave()
        self._invite()

    def start_clock(self, work: "Work") -> None:
        self._deadlines[work] = time.monotonic() + self._timeout_seconds

    def stop_clock(self, work: "Work") -> None:
        self._deadlines.pop(work, None)

    def on_tick(self, late_seconds: float) -> None:
        """Adapt the limit, and end what has lasted too long."""
        if self._is_adaptive:
            self._adapt(late_seconds)
        self._invite()
        self._line.expire()
        for work in self._overdue(time.monotonic()):
            self.stop_clock(work)
            work.expire()

    def _adapt(self, late_seconds: float) -> None:
        # With so little to do, it is not the requests that make it late.
        late, self._late_before = min(late_seconds, self._late_before), late_seconds
        if late <= LATE_SECONDS:
            if self._peak + 1 > self.limit:
                self.limit = min(self.most, self.limit * UP)
        elif self._peak > LEAST:
            down = max(MOST_DOWN, LATE_SECONDS / late)
            self.limit = max(LEAST, min(self.limit, self._peak) * down)
        self._peak = self.in_flight

    def sample(self) -> None:
        """Set the gauges, and log what was rejected since the last sample."""
        metrics.IN_FLIGHT.set(self.in_flight)
        metrics.IN_FLIGHT_LIMIT.set(self.limit)
        refused, self._refused = self._refused, 0
        if refused:
            log.warning("overloaded", refused=refused, limit=round(self.limit))

    def _invite(self) -> None:
        while self._line.move(self.has_room):
            self._invited += 1

    def _overdue(self, now: float) -> "list[Work]":
        overdue = []
        for work, deadline in self._deadlines.items():
            if deadline > now:
                break
            overdue.append(work)
        return overdue


class Work:
    """One request: counted, and under a deadline, while the service works on it."""

    __slots__ = ("_is_counted", "_is_timed", "_load", "expire")

    def __init__(self, load: Load, expire: Callable[[], None]) -> None:
        self._load = load
        self.expire = expire
        self._is_counted = self._is_timed = True
        load.enter()
        load.start_clock(self)

    def end(self) -> None:
        """It is not counted any more; what follows is up to the client's pace."""
        self.stop_clock()
        if self._is_counted:
            self._is_counted = False
            self._load.finish()

    def stop_clock(self) -> None:
        """It may last as long as it needs, for there are other limits on it."""
        if self._is_timed:
            self._is_timed = False
            self._load.stop_clock(self)

    @contextmanager
    def in_line(self) -> Iterator[None]:
        """Wait inside for a turn, uncounted; the deadline holds."""
        self._load.leave()
        try:
            yield
        finally:
            self._load.enter()

    @contextmanager
    def for_client(self) -> Iterator[None]:
        """Wait inside for what the client sends, uncounted; then the time starts anew."""
        self._load.stop_clock(self)
        with self.in_line():
            yield
        if self._is_timed:
            self._load.start_clock(self)
