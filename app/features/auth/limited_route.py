"""Requests that take turns, because each of them hashes a password."""

from fastapi import Request, Response

from app.fastpath.route import Handler
from app.features.auth.resources import AuthResources
from app.http.unit_of_work import UnitOfWorkRoute
from app.resources import resources


class LimitedRoute(UnitOfWorkRoute):
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
            line = resources(request)[AuthResources].password_limiter
            async with line.turn(request.scope["state"]["work"]):
                return await handler(request)

        return in_turn

    async def hashes_password(self, _: Request) -> bool:
        """Return whether the request has to wait for a turn."""
        return True
