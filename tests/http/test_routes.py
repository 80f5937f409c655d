"""Routes: each matches its own paths only."""

from collections import defaultdict

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from httpx2 import AsyncClient

from tests.problems import assert_problem

METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


def methods_by_static_path(app: FastAPI) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for route in iter_route_contexts(app.routes):
        if route.path and "{" not in route.path and route.methods:
            found[route.path] |= {*route.methods}
    return found


async def test_other_methods_of_a_static_path_are_not_allowed(
    app: FastAPI, client: AsyncClient
) -> None:
    """Not even if the path of another route, such as `/items/{item_id}`, matches as well."""
    static = methods_by_static_path(app)
    assert {"/api/v1/items/export", "/api/v1/items/batch", "/api/v1/users/me"} <= static.keys()

    for path, methods in static.items():
        allowed = {*methods, "OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        for method in METHODS - methods:
            response = await client.request(method, path)

            assert_problem(response, 405, "method_not_allowed")
            assert {*response.headers["Allow"].split(", ")} == allowed, (method, path)


@pytest.mark.parametrize("path", ["/api/v1/items/exports", "/api/v1/items/export.csv"])
async def test_path_that_begins_like_a_static_one_has_a_parameter(
    client: AsyncClient, path: str
) -> None:
    assert_problem(await client.get(path), 401, "unauthenticated")


@pytest.mark.parametrize(
    "path",
    ["/metrics%0A", "/liveness%0A", "/api/v1/items%0A", "/api/v1/items/export%0A", "/docs%0A"],
)
async def test_path_with_a_line_break_is_another_one(client: AsyncClient, path: str) -> None:
    """The shipped nginx rejects `/metrics` and passes everything else."""
    assert_problem(await client.get(path), 404, "not_found")
