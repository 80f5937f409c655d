"""Strict decoding of urlencoded forms: refuses with 422 what is not UTF-8."""

from fastapi import Request, Response
from fastapi.routing import APIRoute

from app.fastpath.route import Handler
from app.http.charset import check_form


class FormRoute(APIRoute):
    """A route that refuses a urlencoded form which is not in UTF-8."""

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()

        async def checked(request: Request) -> Response:
            check_form(request.headers.get("content-type", ""), await request.body())
            return await handler(request)

        return checked
