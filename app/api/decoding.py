"""Strict decoding of query strings and forms: refuses with 422 what is not UTF-8."""

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.errors import problem_response, violations
from app.api.planned_route import Handler
from app.core.errors import Unprocessable
from app.dependencies.decoding import check_form, check_pairs


class QueryEncodingMiddleware:
    """Refuse a query string that Starlette would decode with replacement characters."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            check_pairs(scope.get("query_string", b""), "query")
        except RequestValidationError as error:
            refused = Unprocessable(violations=violations(error.errors()))
            await problem_response(scope, refused)(scope, receive, send)
            return
        await self.app(scope, receive, send)


class FormRoute(APIRoute):
    """A route that refuses a urlencoded form which is not in UTF-8."""

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()

        async def checked(request: Request) -> Response:
            check_form(request.headers.get("content-type", ""), await request.body())
            return await handler(request)

        return checked
