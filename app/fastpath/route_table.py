"""Route table: finds the route of a request by one regular expression per method."""

import re
from typing import Any, NoReturn

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.telemetry._api import _route_selected
from starlette._utils import get_route_path
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

from app.http.body_bounds import body_rule, bounded_body
from app.http.query_parameters import QueryParameters
from app.http.request_errors import TooManyParameters

# The effective route of a router that is included in another; FastAPI's type is private.
Route = Any

# More than three times as many as any list accepts, repetitions of `tag` included.
MAX_PARAMETERS = 100

NOTHING: tuple[Match, Scope] = Match.NONE, {}
# Names of groups are removed, because they would repeat; the matched route parses parameters.
NAME = re.compile(r"\?P<\w+>")


def index_routes(app: FastAPI) -> None:
    """Serve the routes that the application has at this moment through one `RouteTable`.

    FastAPI asks each router, and collects the routes of each router again, twice for each
    request and level: a quarter of the cost of reading an item. See ADR 0020.
    """
    app.router.routes.insert(0, RouteTable([*app.router.routes]))


class RouteTable(BaseRoute):
    """Matches before the routes that it contains, and handles requests for them.

    Requests that it does not find, such as another method or a WebSocket, fall through to them.
    """

    def __init__(self, routes: list[BaseRoute]) -> None:
        # At once: that takes 0.3 s, for which the first request would hold the event loop.
        self.tables = tables_of(routes)
        self._parameters: dict[int, QueryParameters] = {}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        table = self.tables.get(scope["method"]) if scope["type"] == "http" else None
        route = table.find(get_route_path(scope)) if table else None
        if route is None:
            return NOTHING
        match, found = route.matches(scope)
        # The keys that the routers of FastAPI would add to the scope.
        known = {"route": route.original_route, "fastapi": {"effective_route_context": route}}
        return match, {**found, **known}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = scope["fastapi"]["effective_route_context"]
        _route_selected(scope=scope, path=route.path_format)
        if scope["query_string"]:
            self.check_query(route, scope)
        if scope["method"] != "GET":
            rule = self.tables[scope["method"]].rules[route.path_format]
            receive = await bounded_body(rule, scope, receive)
        await scope["route"].handle(scope, receive, send)

    def check_query(self, route: Route, scope: Scope) -> None:
        """Check the query against the parameters that the route declares.

        Raises:
            TooManyParameters: there are more than MAX_PARAMETERS.
            Unprocessable: a parameter is unknown, repeated, too long or not in UTF-8.
        """
        if scope["query_string"].count(b"&") >= MAX_PARAMETERS:
            raise TooManyParameters(f"A request may have {MAX_PARAMETERS} query parameters.")
        self.parameters_of(route).check(scope)

    def parameters_of(self, route: Route) -> QueryParameters:
        """Return the query parameters of a route, cached as long as the tables."""
        if id(route) not in self._parameters:
            self._parameters[id(route)] = QueryParameters(route.dependant)
        return self._parameters[id(route)]

    def url_path_for(self, name: str, /, **path_params: Any) -> NoReturn:
        raise NoMatchFound(name, path_params)


def tables_of(routes: list[BaseRoute]) -> dict[str, "Table"]:
    """Return the table of each method."""
    found = [
        context._route_context  # noqa: SLF001  (other paths lack the prefixes of includes)
        for context in iter_route_contexts(routes)
        if isinstance(context.original_route, APIRoute)
    ]
    effective: list[Route] = [route for route in found if route]
    methods = {method for route in effective for method in route.methods}
    return {m: Table([route for route in effective if m in route.methods]) for m in methods}


class Table:
    """The routes of one method as alternatives, of which the first match wins."""

    def __init__(self, routes: list[Route]) -> None:
        self.routes = routes
        self.rules = {route.path_format: body_rule(route) for route in routes}
        self._routes = {f"route_{number}": route for number, route in enumerate(routes)}
        # The empty group after an alternative identifies it.
        alternatives = (
            f"{NAME.sub('?:', route.path_regex.pattern)}(?P<{name}>)"
            for name, route in self._routes.items()
        )
        self._match = re.compile("|".join(alternatives)).match

    def find(self, path: str) -> Route | None:
        match = self._match(path)
        return self._routes[match.lastgroup] if match and match.lastgroup else None
