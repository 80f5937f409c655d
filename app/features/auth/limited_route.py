"""Requests that take turns, because each of them hashes a password."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request, Response

from app.fastpath.route import Handler
from app.http.load_shedding.concurrency_limit import Overloaded, Work
from app.http.unit_of_work import UnitOfWorkRoute

# Enough to keep the threads busy that hash passwords; the others would only wait for them,
# some of them with a database connection in their hands.
AT_ONCE = 8
# A good machine checks about 60 passwords in a second, and an answer is due in five.
MOST_WAITING = 256


class TurnsRoute(UnitOfWorkRoute):
    """A route that works on a few requests at once.

    Hundreds that arrive at the same moment would each take their first steps before
    anybody else, such as a probe of the orchestrator, is served.
    """

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()

        async def in_turn(request: Request) -> Response:
            # Who sends slowly holds no turn meanwhile; the handler finds what was read.
            await request.body()
            if not await self.hashes_password(request):
                return await handler(request)
            line: Line = request.app.state.password_turns
            async with line.turn(request.scope["state"]["work"]):
                return await handler(request)

        return in_turn

    async def hashes_password(self, _: Request) -> bool:
        """Return whether the request has to wait for a turn."""
        return True


class Line:
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
            with work.in_line():
                await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()
