"""Admission queue: requests that wait for capacity, as long as the wait is short."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.http.load_shedding.fair_queue import Client, FairQueue

# Who would probably wait longer is refused at once. Everybody who comes in a burst is served;
# in a flood, whoever is served is to be served soon: that is worth more than a late answer.
BURST_SECONDS, FLOOD_SECONDS = 0.8, 0.15
# It is a flood when people have had to be refused for so long, until none was for so long.
FLOOD_AFTER_SECONDS, CALM_AFTER_SECONDS = 0.2, 1.0
# Where that was a mistake, who waits has waited for nothing, so that it must be a rare one.
PATIENCE_SECONDS = 2.0
# From one place that gets free to the next, until enough of them were seen.
FIRST_GUESS_SECONDS = 0.0005
# The last one counts for a fifth, and one that took very long is a hiccup.
WEIGHT_OF_LAST, HICCUP = 0.2, 4

Turn = asyncio.Future[bool]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Place:
    """One request that waits."""

    client: Client
    joined_at: float
    turn: Turn


class AdmissionQueue:
    """Callers who are known come before strangers; among equals, clients take turns."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._places: dict[bool, FairQueue[Place]] = {True: FairQueue(), False: FairQueue()}
        self._seconds_each = FIRST_GUESS_SECONDS
        self._freed_at = self._began_at = 0.0
        self._refusing_since = self._refused_at = 0.0
        self._stands_still = self._was_flood = False

    def __len__(self) -> int:
        return len(self._places[True]) + len(self._places[False])

    def is_hopeless(self, client: Client, *, is_known: bool) -> bool:
        """Whether so many come before, or it has stood still so long, that waiting is in vain.

        Whoever hears yes is refused, and counts as such.
        """
        now = self._clock()
        seconds = self._ahead(client, is_known=is_known) * self._seconds_each
        if not self._stands_still and seconds <= self._longest(now):
            return False
        if now - self._refused_at > CALM_AFTER_SECONDS:
            self._refusing_since = now
        self._refused_at = now
        return True

    def note_free_place(self) -> None:
        """Learn how fast places get free; only while somebody waits for one does that tell."""
        now = self._clock()
        if len(self):
            took = min(now - self._freed_at, self._seconds_each * HICCUP)
            self._seconds_each += WEIGHT_OF_LAST * (took - self._seconds_each)
        self._freed_at = now
        self._stands_still = False

    def join(self, client: Client, *, is_known: bool) -> Turn:
        """What tells when it is one's turn (True), or that it will not be (False)."""
        now = self._clock()
        if not len(self):
            self._began_at = now
        turn: Turn = asyncio.get_running_loop().create_future()
        self._places[is_known].push(client, Place(client, now, turn))
        return turn

    def move(self, has_room: Callable[[bool], bool]) -> bool:
        """Let in whoever is next, if there is room for such a caller."""
        for is_known in (True, False):
            while self._places[is_known] and has_room(is_known):
                turn = self._places[is_known].pop().turn
                if not turn.done():
                    turn.set_result(True)
                    return True
        return False

    def expire(self) -> None:
        """See whether it moves, and refuse those who will have waited for nothing after all.

        From a turn of the loop of its own: while many come at once, nobody else gets on either.
        """
        now = self._clock()
        moved_at = max(self._freed_at, self._began_at)
        self._stands_still = len(self) > 0 and now - moved_at > self._longest(now)
        self._send_away(now - PATIENCE_SECONDS)
        was_flood, self._was_flood = self._was_flood, self._is_flood(now)
        if self._was_flood and not was_flood:
            self._cut_short()

    def _ahead(self, client: Client, *, is_known: bool) -> int:
        known, others = self._places[True], self._places[False]
        return known.ahead(client) if is_known else len(known) + others.ahead(client)

    def _is_flood(self, now: float) -> bool:
        is_calm = now - self._refused_at > CALM_AFTER_SECONDS
        return not is_calm and self._refused_at - self._refusing_since > FLOOD_AFTER_SECONDS

    def _longest(self, now: float) -> float:
        return FLOOD_SECONDS if self._is_flood(now) else BURST_SECONDS

    def _cut_short(self) -> None:
        """Refuse those whose turn would come too late, who came before it was known for a flood."""
        room = round(FLOOD_SECONDS / self._seconds_each)
        for is_known in (True, False):
            places = self._places[is_known]
            in_order = [places.pop() for _ in range(len(places))]
            for place in in_order[:room]:
                places.push(place.client, place)
            for place in in_order[room:]:
                refuse(place.turn)
            room = max(0, room - len(in_order))

    def _send_away(self, oldest: float) -> None:
        """Refuse those who have waited for too long; `move` takes them out."""
        for places in self._places.values():
            for place in places:
                if place.joined_at < oldest:
                    refuse(place.turn)


def refuse(turn: Turn) -> None:
    if not turn.done():
        turn.set_result(False)
