"""Concurrency limiter of requests that hash a password."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.http.load_shedding.concurrency_limit import Overloaded, Work

# Enough to keep the threads busy that hash passwords; the others would only wait for them,
# some of them with a database connection in their hands.
AT_ONCE = 8
# A good machine checks about 60 passwords in a second, and an answer is due in five.
MOST_WAITING = 256


class PasswordLimiter:
    """Where requests wait for one of the turns; they are not counted as load meanwhile."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    @asynccontextmanager
    async def turn(self, work: Work) -> AsyncIterator[None]:
        """Hold a turn inside.

        Raises:
            Overloaded: so many wait that this one would wait in vain.
        """
        if self._waiting >= MOST_WAITING:
            raise Overloaded
        self._waiting += 1
        try:
            with work.uncounted():
                await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()
