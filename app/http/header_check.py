"""Header check: rejects a request that repeats a singleton field.

Inner layers would each use a different one of the two lines, or join them into one value.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import BadRequest
from app.http.header_fields import repeated_singleton
from app.http.problem_details import problem_response


class RepeatedHeader(BadRequest):
    code = "repeated_header"
    title = "Repeated header"
    remedy = "Send the header field that the detail names once."


class HeaderCheckMiddleware:
    """Responds with 400 to a request or WebSocket handshake that repeats a singleton field."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = None if scope["type"] == "lifespan" else repeated_singleton(scope["headers"])
        if name is None:
            await self.app(scope, receive, send)
        else:
            error = RepeatedHeader(f"The header field {name} may be sent once.")
            await problem_response(scope, error)(scope, receive, send)
