"""Requests that take turns, because each of them is a lot of work."""

import asyncio

from fastapi import Request, Response

from app.api.unit_of_work import Handler, UnitOfWorkRoute

# Enough to keep the threads busy that hash passwords; the others would only wait for them.
AT_ONCE = 8


class TurnsRoute(UnitOfWorkRoute):
    """A route that works on a few requests at once.

    Hundreds that arrive at the same moment would each take their first steps before
    anybody else, such as a probe of the orchestrator, is served.
    """

    def get_route_handler(self) -> Handler:
        handler, turns = super().get_route_handler(), asyncio.Semaphore(AT_ONCE)

        async def in_turn(request: Request) -> Response:
            # Who sends slowly holds no turn meanwhile; the handler finds what was read.
            await request.body()
            async with turns:
                return await handler(request)

        return in_turn
