"""Strict decoding of urlencoded forms: rejects text that is not UTF-8 with 422."""

from fastapi import Request, Response
from fastapi.routing import APIRoute

from app.fastpath.route import Handler
from app.http.charset import check_form


class FormRoute(APIRoute):
    """A route that rejects a urlencoded form that is not in UTF-8."""

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()

        async def check_and_handle(request: Request) -> Response:
            check_form(request.headers.get("content-type", ""), await request.body())
            return await handler(request)

        return check_and_handle
