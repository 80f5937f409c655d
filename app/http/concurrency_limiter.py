"""Concurrency limiter: bounds operations of one kind that run at once, per user and process.

For operations whose duration depends on the client, such as exports and uploads. An operation
beyond a bound is rejected at once and never queued.
"""

import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import Overloaded, TooManyRequests

RETRY_SECONDS = 5


class TooManyAtOnce(TooManyRequests):
    code = "too_many_at_once"
    title = "Too many at once"
    remedy = "Wait until one of your own exports, transfers or streams has ended, or end one."


class ConcurrencyLimiter:
    """Slots for one kind of operation; `kind` is its plural, for the details of errors."""

    def __init__(self, kind: str, *, per_user: int, per_process: int) -> None:
        self._kind = kind
        self._per_user = per_user
        self._per_process = per_process
        self._by_user: Counter[uuid.UUID] = Counter()
        self.in_use = 0

    @contextmanager
    def slot(self, user_id: uuid.UUID) -> Iterator[None]:
        """Occupy one slot of the user and of the process for the duration of the block.

        Raises:
            TooManyAtOnce: the user occupies as many slots as one user may.
            Overloaded: the process has no free slot.
        """
        self._check(user_id)
        self.in_use += 1
        self._by_user[user_id] += 1
        try:
            yield
        finally:
            self.in_use -= 1
            self._by_user[user_id] -= 1
            # Otherwise the counter would grow by an entry for each user.
            if not self._by_user[user_id]:
                del self._by_user[user_id]

    def _check(self, user_id: uuid.UUID) -> None:
        if self._by_user.get(user_id, 0) >= self._per_user:
            detail = f"At most {self._per_user} {self._kind} of one user at once."
            raise TooManyAtOnce(detail, retry_after_seconds=RETRY_SECONDS)
        if self.in_use >= self._per_process:
            detail = f"This process serves no more {self._kind} at once."
            raise Overloaded(detail, retry_after_seconds=RETRY_SECONDS)
