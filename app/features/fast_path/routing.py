"""Routing: a table that finds routes by one regular expression, and shortcuts to endpoints."""

import re
from collections import defaultdict
from collections.abc import Callable
from contextlib import AsyncExitStack
from copy import copy
from dataclasses import fields
from inspect import signature
from typing import Any, NoReturn, cast

from fastapi import FastAPI, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, request_response
from fastapi.telemetry._api import _route_selected
from starlette._utils import get_route_path
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import ASGIApp, Receive, Scope, Send

from app.features.fast_path.dependency_graph import DependencyGraph, Unsupported
from app.http.routes import Handler, ServiceRoute, Shortcut

# What a graph compiles or rejects. A field that it does not know could be one that it ignores.
DEPENDANT = {
    "path_params", "query_params", "header_params", "cookie_params", "body_params", "dependencies",
    "name", "call", "request_param_name", "websocket_param_name", "http_connection_param_name",
    "response_param_name", "background_tasks_param_name", "security_scopes_param_name",
    "own_oauth_scopes", "parent_oauth_scopes", "use_cache", "path", "scope", "concurrency",
}  # fmt: skip

if changed := {field.name for field in fields(Dependant)} ^ DEPENDANT:
    raise ImportError(f"fields of a dependency: {', '.join(sorted(changed))}")

NOTHING: tuple[Match, Scope] = Match.NONE, {}
# Names of groups are removed, because they would repeat; the matched route parses parameters.
NAME = re.compile(r"\?P<\w+>")


def install(app: FastAPI) -> None:
    routes = [*app.router.routes]
    for route in routes:
        if isinstance(route, ServiceRoute) and (shortcut := shortcut_of(route)):
            plain = request_response(copy(route).get_route_handler())
            route.shortcut = shortcut
            route.app = direct_app(app, route.get_route_handler(), plain)
    app.router.routes.insert(0, RouteTable(routes))


def direct_app(app: FastAPI, handler: Handler, plain: ASGIApp) -> ASGIApp:
    """Return the handler as an ASGI application, without FastAPI's exit stacks and error handlers.

    No compiled dependency is a generator, and the application handles errors in a middleware.
    """

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        if app.dependency_overrides:  # Only FastAPI applies them.
            await plain(scope, receive, send)
            return
        response = await handler(Request(scope, receive, send))
        await response(scope, receive, send)

    return respond


def shortcut_of(route: ServiceRoute) -> Shortcut | None:
    """Return a shortcut for an endpoint that returns a Response, whose dependencies compile."""
    if not returns_response(route.endpoint):
        return None
    try:
        graph = DependencyGraph(route)
    except Unsupported:
        return None

    async def shortcut(request: Request, handler: Handler) -> Response:
        try:
            arguments = await graph.arguments(request)
        except Unsupported:
            return await by_fastapi(request, handler)
        return cast("Response", await graph.run(arguments))

    return shortcut


async def by_fastapi(request: Request, handler: Handler) -> Response:
    async with AsyncExitStack() as unused:
        request.scope["fastapi_inner_astack"] = request.scope["fastapi_function_astack"] = unused
        return await handler(request)


def returns_response(endpoint: Callable[..., Any]) -> bool:
    returned = signature(endpoint).return_annotation
    return isinstance(returned, type) and issubclass(returned, Response)


class RouteTable(BaseRoute):
    """Matches before the routes that it contains, and handles requests for them.

    Requests that it does not find, such as another method or a WebSocket, fall through to them.
    """

    def __init__(self, routes: list[BaseRoute]) -> None:
        by_method: dict[str, list[APIRoute]] = defaultdict(list)
        for route in (route for route in routes if isinstance(route, APIRoute)):
            for method in route.methods or ():
                by_method[method].append(route)
        self._tables = {method: Table(found) for method, found in by_method.items()}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        table = self._tables.get(scope["method"]) if scope["type"] == "http" else None
        route = table.find(get_route_path(scope)) if table else None
        return route.matches(scope) if route else NOTHING

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        route: APIRoute = scope["route"]
        _route_selected(scope=scope, path=route.path_format)
        await route.handle(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> NoReturn:
        raise NoMatchFound(name, path_params)


class Table:
    """The routes of one method as alternatives, of which the first match wins."""

    def __init__(self, routes: list[APIRoute]) -> None:
        self._routes = {f"route_{number}": route for number, route in enumerate(routes)}
        # The empty group after an alternative identifies it.
        alternatives = (
            f"{NAME.sub('?:', route.path_regex.pattern)}(?P<{name}>)"
            for name, route in self._routes.items()
        )
        self._match = re.compile("|".join(alternatives)).match

    def find(self, path: str) -> APIRoute | None:
        match = self._match(path)
        return self._routes[match.lastgroup] if match and match.lastgroup else None
