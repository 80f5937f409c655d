"""Routes of the service: query and body are bounded before FastAPI reads them.

`mount` adds them to the application one by one. FastAPI would ask each included router in turn,
and collect the routes of each router again for each request, a quarter of the cost of a read.
"""

import re
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from copy import copy
from functools import cached_property
from inspect import signature
from typing import Any, Self

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.datastructures import Default
from fastapi.routing import (
    APIRoute,
    APIWebSocketRoute,
    RouteContext,
    iter_route_contexts,
    request_response,
)
from starlette.routing import BaseRoute, compile_path
from starlette.types import Receive, Scope, Send

from app.http.body_bounds import BodyRule, body_rule, bounded_body
from app.http.query_parameters import QueryParameters

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
# Responds to a request, or passes it to the handler.
Shortcut = Callable[[Request, Handler], Awaitable[Response]]

NOT_COPIED = {"self", "path", "endpoint", "dependency_overrides_provider"}


def operation_id(route: APIRoute) -> str:
    """Return the name of the endpoint, which is unique and readable in generated clients."""
    return route.name


class ServiceRoute(APIRoute):
    """A route that checks query and body; `shortcut` can respond instead of FastAPI."""

    shortcut: Shortcut | None = None

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        # The same in each application, whatever the prefix.
        super().__init__(path, endpoint, **{**options, "generate_unique_id_function": operation_id})

    def mounted(self, app: FastAPI, prefix: str) -> Self:
        """Return a copy below the prefix, with the dependency overrides of the application.

        The analysis of the endpoint's parameters, most of the cost of a route, is shared.
        """
        route = copy(self)
        route.path = f"{prefix}{self.path}"
        route.path_regex, route.path_format, route.param_convertors = compile_path(route.path)
        route.dependency_overrides_provider = app
        route.app = request_response(route.get_route_handler())
        return route

    @cached_property
    def query(self) -> QueryParameters:
        return QueryParameters(self.dependant)

    @cached_property
    def body_rule(self) -> BodyRule:
        return body_rule(self)

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            if self.shortcut is None:
                return await handler(request)
            return await self.shortcut(request, handler)

        return handle

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request.

        Raises:
            TooManyParameters, Unprocessable: as `QueryParameters.check`.
            Unauthenticated, UnsupportedContentCoding, TooManyValues, NestedTooDeeply: as
                `bounded_body`.
        """
        scope.setdefault("state", {})["route"] = self  # For the access log.
        if scope["method"] in (self.methods or ()):
            if scope["query_string"]:
                self.query.check(scope)
            if scope["method"] != "GET":
                receive = await bounded_body(self.body_rule, scope, receive)
        await super().handle(scope, receive, send)


def mount(app: FastAPI, router: APIRouter, *, prefix: str = "") -> None:
    """Add the routes of a router, and of those that it includes, to the application."""
    app.router.routes.extend(
        mounted(context, app, prefix) for context in iter_route_contexts(router.routes)
    )


def restrict_paths(routes: Iterable[BaseRoute]) -> None:
    """Let each route match its own paths only.

    A path without parameters belongs to its own routes, whatever their methods: otherwise
    `PUT /items/export` would be a request for `/items/{item_id}`, with a malformed id in place of
    an unsupported method. And `/metrics%0A` is not `/metrics`, for which a proxy may have a rule:
    the `$` of Starlette's patterns also matches before a line break.
    """
    paths = [route for route in routes if isinstance(route, APIRoute | APIWebSocketRoute)]
    static = {route.path for route in paths if not route.param_convertors}
    for route in paths:
        others = sorted(static - {route.path})
        reserved = [re.escape(path) for path in others if route.path_regex.match(path)]
        exclusion = f"(?!(?:{'|'.join(reserved)})$)" if reserved else ""
        pattern = route.path_regex.pattern.removesuffix("$")
        route.path_regex = re.compile(rf"{exclusion}{pattern}\Z")


def mounted(context: RouteContext, app: FastAPI, prefix: str) -> BaseRoute:
    """Return a copy of a route, with the prefix and the overrides of the application."""
    route = context.original_route
    if not isinstance(route, APIRoute | APIWebSocketRoute):
        return route
    if isinstance(route, ServiceRoute) and context.dependencies is route.dependencies:
        return route.mounted(app, prefix)  # Its router is not included in another one.
    kind = type(route) if isinstance(route, ServiceRoute | APIWebSocketRoute) else ServiceRoute
    described = APIRoute if issubclass(kind, ServiceRoute) else kind
    options: dict[str, Any] = {
        name: getattr(context, name, getattr(route, name, None))
        for name in signature(described.__init__).parameters
        if name not in NOT_COPIED
    }
    if isinstance(route, APIRoute):
        options["generate_unique_id_function"] = app.router.generate_unique_id_function
        # As an option, None would mean that FastAPI does not derive the type of a stream.
        options["response_model"] = context.response_model or Default(None)
    return kind(
        f"{prefix}{context.path}", route.endpoint, dependency_overrides_provider=app, **options
    )
