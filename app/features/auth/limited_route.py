"""Route class that limits the concurrency of requests that hash a password."""

from fastapi import Request, Response

from app.features.auth.resources import AuthResources
from app.http.request_limits import limits_of
from app.http.routes import Handler
from app.http.unit_of_work import UnitOfWorkRoute
from app.resources import resources_of


class LimitedRoute(UnitOfWorkRoute):
    """A route that handles a limited number of requests concurrently.

    Without the limit, hundreds of simultaneous requests would all start running before any
    other request, such as a probe of the orchestrator, is served.
    """

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()

        async def limited(request: Request) -> Response:
            # A slow client holds no slot while it sends; Starlette caches the body that is read.
            await request.body()
            if not await self.hashes_password(request):
                return await handler(request)
            limiter = resources_of(request)[AuthResources].password_limiter
            async with limiter.slot(limits_of(request.scope)):
                return await handler(request)

        return limited

    async def hashes_password(self, _: Request) -> bool:
        """Return whether the request needs a slot of the limiter."""
        return True
