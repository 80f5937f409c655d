"""The table of routes: it must find what FastAPI's own search would find, and nothing else."""

import inspect
import re
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from httpx2 import AsyncClient
from starlette.routing import Match

from app.features.fast_path.routing import RouteTable

PARAMETER = re.compile(r"{[^}]+}")


def first_match(app: FastAPI, scope: dict[str, Any]) -> Any:
    """The operation and parameters that FastAPI finds without the table."""
    for route in app.routes[1:]:
        match, found = route.matches(dict(scope))
        if match is Match.FULL:
            return found["endpoint"], found["path_params"]
    return None


def scope_of(method: str, path: str, root_path: str = "") -> dict[str, Any]:
    whole = root_path + path
    # Of two routes with one path, the one for browsers comes first.
    headers = [(b"accept", b"text/html")]
    return {
        "type": "http",
        "method": method,
        "path": whole,
        "root_path": root_path,
        "headers": headers,
    }


def operations(app: FastAPI) -> list[tuple[str, str]]:
    return [
        (method, PARAMETER.sub("7f", str(context.path)))
        for context in iter_route_contexts(app.routes)
        for method in context.methods or ()
    ]


@pytest.mark.parametrize("root_path", ["", "/behind/a/proxy"])
async def test_finds_the_same_operation_as_fastapi(app: FastAPI, root_path: str) -> None:
    table = app.routes[0]
    assert isinstance(table, RouteTable)

    for method, path in operations(app):
        scope = scope_of(method, path, root_path)
        match, found = table.matches(scope)

        assert match is Match.FULL
        assert (found["endpoint"], found["path_params"]) == first_match(app, scope)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/api/v1/items"),  # another method
        ("BREW", "/api/v1/items"),
        ("GET", "/api/v1/items/"),
        ("GET", "/api/v1/items/1/2"),
        ("GET", "/API/v1/items"),
        ("GET", "//api/v1/items"),
        ("GET", "/api/v1/items\n/"),
        ("GET", ""),
    ],
)
async def test_passes_unmatched_requests_to_fastapi(app: FastAPI, method: str, path: str) -> None:
    scope = scope_of(method, path)

    assert app.routes[0].matches(scope)[0] is Match.NONE
    assert first_match(app, scope) is None


async def test_passes_web_sockets_to_fastapi(app: FastAPI) -> None:
    scope = {"type": "websocket", "path": "/api/v1/items", "root_path": ""}

    assert app.routes[0].matches(scope)[0] is Match.NONE


async def test_later_routes_are_found_too(app: FastAPI, client: AsyncClient) -> None:
    @app.get("/tests/later")
    async def read_later() -> str:
        return "found"

    try:
        response = await client.get("/tests/later")
    finally:
        app.router.routes.pop()

    assert response.json() == "found"


async def test_no_dependency_of_an_operation_needs_a_thread(app: FastAPI) -> None:
    """A sync one costs a switch of threads, more than reading an item."""
    calls = [
        call
        for context in iter_route_contexts(app.routes)
        if getattr(context, "include_in_schema", False)
        for call in called(context.dependant)
    ]

    assert len(calls) > 100
    assert [call for call in calls if not is_async(call)] == []


def is_async(call: Any) -> bool:
    function = call if inspect.isfunction(call) else call.__call__
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def called(dependant: Any) -> list[Any]:
    return [dependant.call, *(call for each in dependant.dependencies for call in called(each))]
