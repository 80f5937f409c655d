"""Where requests wait for a place, as long as that is short."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

# Who would probably wait longer is refused at once: that is worth more than a late answer.
LONG_SECONDS = 0.15
# Where that was a mistake, who waits has waited for nothing, so that it must be a rare one.
PATIENCE_SECONDS = 1.0
# From one place that gets free to the next, until enough of them were seen.
FIRST_GUESS_SECONDS = 0.0005
# The last one counts for a fifth, and one that took very long is a hiccup.
WEIGHT_OF_LAST, HICCUP = 0.2, 4

Turn = asyncio.Future[bool]


class WaitingLine:
    """Callers who are known come before strangers; among equals, who came first."""

    def __init__(self) -> None:
        self._turns: dict[bool, deque[tuple[float, Turn]]] = {True: deque(), False: deque()}
        self._seconds_each = FIRST_GUESS_SECONDS
        self._freed_at = self._began_at = 0.0
        self._stands_still = False

    def __len__(self) -> int:
        return len(self._turns[True]) + len(self._turns[False])

    def is_hopeless(self) -> bool:
        """Whether it is so long, or has stood still for so long, that waiting makes no sense."""
        return self._stands_still or len(self) * self._seconds_each > LONG_SECONDS

    def note_free_place(self, *, is_busy: bool) -> None:
        """Learn how fast places get free; only where there is enough to do does that tell."""
        now = time.monotonic()
        if is_busy:
            took = min(now - self._freed_at, self._seconds_each * HICCUP)
            self._seconds_each += WEIGHT_OF_LAST * (took - self._seconds_each)
        self._freed_at = now
        self._stands_still = False

    def join(self, *, is_known: bool) -> Turn:
        """What tells when it is one's turn (True), or that it will not be (False)."""
        now = time.monotonic()
        if not len(self):
            self._began_at = now
        turn: Turn = asyncio.get_running_loop().create_future()
        self._turns[is_known].append((now, turn))
        return turn

    def move(self, has_room: Callable[[bool], bool]) -> bool:
        """Let in whoever is next, if there is room for such a caller."""
        for is_known in (True, False):
            while self._turns[is_known] and has_room(is_known):
                _, turn = self._turns[is_known].popleft()
                if not turn.done():
                    turn.set_result(True)
                    return True
        return False

    def look(self) -> None:
        """See whether it moves, and refuse those who have waited too long after all.

        From a turn of the loop of its own: while many come at once, nobody else gets on either.
        """
        now = time.monotonic()
        self._stands_still = (
            len(self) > 0 and now - max(self._freed_at, self._began_at) > LONG_SECONDS
        )
        self._send_away(now - PATIENCE_SECONDS)

    def _send_away(self, longest: float) -> None:
        for turns in self._turns.values():
            while turns and (turns[0][0] < longest or turns[0][1].done()):
                _, turn = turns.popleft()
                if not turn.done():
                    turn.set_result(False)
