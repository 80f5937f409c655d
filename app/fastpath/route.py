"""Fast routes: call their endpoint through a compiled dependency graph. See ADR 0020."""

from collections.abc import Callable, Coroutine
from inspect import signature
from typing import Any, cast

from fastapi import Request, Response
from fastapi.routing import APIRoute, _effective_route_context_var
from fastapi.telemetry import get_telemetry_data

from app.fastpath.dependency_graph import DependencyGraph, Route, Unsupported

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class FastRoute(APIRoute):
    """Uses a compiled graph for endpoints that return a Response, and FastAPI for all others."""

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()
        try:
            graph = DependencyGraph(effective(self)) if returns_response(self.endpoint) else None
        except Unsupported:
            graph = None
        return fast_handler(graph, handler) if graph else handler


def fast_handler(graph: DependencyGraph, fallback: Handler) -> Handler:
    """Return a handler that uses the graph, and `fallback` for requests it does not support."""

    async def handle(request: Request) -> Response:
        # Only FastAPI applies dependency overrides and creates spans of dependencies.
        if request.app.dependency_overrides or get_telemetry_data() is not None:
            return await fallback(request)
        try:
            arguments = await graph.arguments(request)
        except Unsupported:
            return await fallback(request)
        return cast("Response", await graph.run(arguments))

    return handle


def returns_response(endpoint: Callable[..., Any]) -> bool:
    returned = signature(endpoint).return_annotation
    return isinstance(returned, type) and issubclass(returned, Response)


def effective(route: APIRoute) -> Route:
    """Return the route with the prefix and dependencies of the routers that include it."""
    context = _effective_route_context_var.get()
    return context if context is not None and context.original_route is route else route
