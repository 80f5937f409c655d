"""Routes of the service, in the order in which they are tried."""

from collections.abc import Iterator
from typing import Any

from fastapi.routing import iter_route_contexts

from app.commands.output import print_rows
from app.config.settings import Settings
from app.main import create_app

COLUMNS = ("methods", "path", "name", "tags", "endpoint")


def show(settings: Settings, *, as_json: bool = False) -> None:
    """Print methods, path, name, tags and function of each route."""
    print_rows(COLUMNS, rows(settings), as_json=as_json)


def rows(settings: Settings) -> Iterator[tuple[str, ...]]:
    # Without the first, the route table, which contains the others.
    for route in iter_route_contexts(create_app(settings).routes[1:]):
        if getattr(route, "path", None):
            yield row(route)


def row(route: Any) -> tuple[str, ...]:
    methods = getattr(route, "methods", None) or {"WEBSOCKET"}
    tags = getattr(route, "tags", None) or ()
    endpoint = getattr(route, "endpoint", None)
    place = f"{endpoint.__module__}.{endpoint.__qualname__}" if endpoint else ""
    return ",".join(sorted(methods)), route.path, route.name, ",".join(map(str, tags)), place
