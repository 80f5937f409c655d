"""Routes that are answered by a plan where one can be made: see ADR 0020."""

from collections.abc import Callable, Coroutine
from inspect import signature
from typing import Any, cast

from fastapi import Request, Response
from fastapi.routing import APIRoute, _effective_route_context_var
from fastapi.telemetry import get_telemetry_data

from app.fastpath.dependency_graph import Plan, Route, Unusual

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class PlannedRoute(APIRoute):
    """For endpoints that make their response themselves; others are FastAPI's as ever."""

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()
        try:
            plan = Plan(effective(self)) if returns_response(self.endpoint) else None
        except Unusual:
            plan = None
        return quick(plan, handler) if plan else handler


def quick(plan: Plan, handler: Handler) -> Handler:
    async def answer(request: Request) -> Response:
        # FastAPI knows how to replace dependencies, and makes spans of them.
        if request.app.dependency_overrides or get_telemetry_data() is not None:
            return await handler(request)
        try:
            arguments = await plan.arguments(request)
        except Unusual:
            return await handler(request)
        return cast("Response", await plan.run(arguments))

    return answer


def returns_response(endpoint: Callable[..., Any]) -> bool:
    returned = signature(endpoint).return_annotation
    return isinstance(returned, type) and issubclass(returned, Response)


def effective(route: APIRoute) -> Route:
    """The route with what the routers around it add."""
    around = _effective_route_context_var.get()
    return around if around is not None and around.original_route is route else route
