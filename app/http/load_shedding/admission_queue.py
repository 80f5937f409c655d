"""Admission queue: requests that wait for capacity, as long as the wait is short."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.http.load_shedding.fair_queue import Client, FairQueue

# A request whose estimated wait is longer is rejected at once. A burst is served completely.
# Under sustained overload a short wait for some is worth more than a late answer for all.
BURST_WAIT_SECONDS, OVERLOAD_WAIT_SECONDS = 0.8, 0.15
# Overload is sustained after rejections for so long, and ends after so long without one.
OVERLOAD_AFTER_SECONDS, CALM_AFTER_SECONDS = 0.2, 1.0
# If the estimate is wrong, a request waits for this long and is then rejected.
QUEUE_TIMEOUT_SECONDS = 2.0
# Between two slots that are released, until enough were measured.
INITIAL_INTERVAL_SECONDS = 0.0005
# Weight of the last interval in the moving average, and the factor above which it is an outlier.
LAST_WEIGHT, MAX_FACTOR = 0.2, 4

Admission = asyncio.Future[bool]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class WaitingRequest:
    client: Client
    joined_at: float
    admission: Admission


class AdmissionQueue:
    """Serves known credentials before all others, and the clients of each group in turn."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._waiting: dict[bool, FairQueue[WaitingRequest]] = {
            True: FairQueue(),
            False: FairQueue(),
        }
        self._interval_seconds = INITIAL_INTERVAL_SECONDS
        self._released_at = self._began_at = 0.0
        self._rejecting_since = self._rejected_at = 0.0
        self._is_stalled = self._was_overloaded = False

    def __len__(self) -> int:
        return len(self._waiting[True]) + len(self._waiting[False])

    def is_too_long(self, client: Client, *, is_known: bool) -> bool:
        """Return whether the queue is stalled, or the wait of the client would be too long.

        The caller rejects the request in that case; it counts as a rejection here.
        """
        now = self._clock()
        seconds = self._ahead(client, is_known=is_known) * self._interval_seconds
        if not self._is_stalled and seconds <= self._max_wait(now):
            return False
        if now - self._rejected_at > CALM_AFTER_SECONDS:
            self._rejecting_since = now
        self._rejected_at = now
        return True

    def on_slot_released(self) -> None:
        """Measure the interval between releases, which is meaningful only while requests wait."""
        now = self._clock()
        if len(self):
            interval = min(now - self._released_at, self._interval_seconds * MAX_FACTOR)
            self._interval_seconds += LAST_WEIGHT * (interval - self._interval_seconds)
        self._released_at = now
        self._is_stalled = False

    def join(self, client: Client, *, is_known: bool) -> Admission:
        """Return a future: True when the request is admitted, False when it is rejected."""
        now = self._clock()
        if not len(self):
            self._began_at = now
        admission: Admission = asyncio.get_running_loop().create_future()
        self._waiting[is_known].push(client, WaitingRequest(client, now, admission))
        return admission

    def admit_next(self, has_capacity: Callable[[bool], bool]) -> bool:
        """Admit the next request if there is capacity for it; return whether one was admitted."""
        for is_known in (True, False):
            while self._waiting[is_known] and has_capacity(is_known):
                admission = self._waiting[is_known].pop().admission
                if not admission.done():
                    admission.set_result(True)
                    return True
        return False

    def expire(self) -> None:
        """Detect a stalled queue, and reject requests that have waited for too long.

        Runs in its own iteration of the event loop: while many requests arrive at once, no
        other callback runs, and the queue would seem stalled.
        """
        now = self._clock()
        moved_at = max(self._released_at, self._began_at)
        self._is_stalled = len(self) > 0 and now - moved_at > self._max_wait(now)
        self._reject_older(now - QUEUE_TIMEOUT_SECONDS)
        was_overloaded, self._was_overloaded = self._was_overloaded, self._is_overloaded(now)
        if self._was_overloaded and not was_overloaded:
            self._truncate()

    def _ahead(self, client: Client, *, is_known: bool) -> int:
        known, others = self._waiting[True], self._waiting[False]
        return known.ahead(client) if is_known else len(known) + others.ahead(client)

    def _is_overloaded(self, now: float) -> bool:
        is_calm = now - self._rejected_at > CALM_AFTER_SECONDS
        return not is_calm and self._rejected_at - self._rejecting_since > OVERLOAD_AFTER_SECONDS

    def _max_wait(self, now: float) -> float:
        return OVERLOAD_WAIT_SECONDS if self._is_overloaded(now) else BURST_WAIT_SECONDS

    def _truncate(self) -> None:
        """Reject requests that joined before the overload and would wait for too long in it."""
        room = round(OVERLOAD_WAIT_SECONDS / self._interval_seconds)
        for is_known in (True, False):
            queue = self._waiting[is_known]
            in_order = [queue.pop() for _ in range(len(queue))]
            for request in in_order[:room]:
                queue.push(request.client, request)
            for request in in_order[room:]:
                reject(request.admission)
            room = max(0, room - len(in_order))

    def _reject_older(self, oldest: float) -> None:
        """Reject requests that joined before `oldest`; `admit_next` removes them."""
        for queue in self._waiting.values():
            for request in queue:
                if request.joined_at < oldest:
                    reject(request.admission)


def reject(admission: Admission) -> None:
    if not admission.done():
        admission.set_result(False)
