"""Rejected requests: a problem for each request that the protocol of the server rejected."""

from starlette.types import ASGIApp, Receive, Scope, Send

from app.config.settings import Settings
from app.http.problem_details import problem_response


class RejectionMiddleware:
    """Responds to rejected requests inside CORS, so that a browser can read the problem."""

    def __init__(self, app: ASGIApp, _: Settings) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if "rejection" in scope:
            await problem_response(scope, scope["rejection"])(scope, receive, send)
        else:
            await self.app(scope, receive, send)
