"""Concurrency limiter of requests that hash a password."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.errors import Overloaded
from app.http.request_limits import RequestLimits

# Enough to keep the hashing threads busy; further requests would only wait for them, some
# while holding a database connection.
AT_ONCE = 8
# A fast machine checks about 60 passwords per second, and a response is due within 5 s.
MAX_WAITING = 256


class PasswordLimiter:
    """Limits the requests that hash passwords at once; they occupy no other slot meanwhile."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    @asynccontextmanager
    async def slot(self, limits: RequestLimits) -> AsyncIterator[None]:
        """Hold a slot for the duration of the block.

        Raises:
            Overloaded: the queue is so long that the request would miss its deadline.
        """
        if self._waiting >= MAX_WAITING:
            raise Overloaded
        # Otherwise eight that hash would be all that one client may have in flight.
        with limits.without_slot():
            self._waiting += 1
            try:
                await self._slots.acquire()
            finally:
                self._waiting -= 1
            try:
                yield
            finally:
                self._slots.release()
