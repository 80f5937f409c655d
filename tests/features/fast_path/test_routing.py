"""Shortcuts: the same responses as those of FastAPI."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from typing import Annotated, Any, cast

import pytest
from fastapi import APIRouter, Body, Depends, FastAPI, Form, Query, Request, Response
from httpx2 import AsyncClient

from app.config.settings import Settings
from app.errors import NotFound
from app.features.fast_path.dependency_graph import DependencyGraph, Unsupported
from app.features.fast_path.routing import install
from app.features.items.dependencies import get_item
from app.features.users.models.user import User
from app.http.routes import ServiceRoute, Shortcut, mount
from app.resources import Resources
from tests.conftest import As, Save, new_client
from tests.factories import make_item

# Headers that differ between responses.
VOLATILE = {"x-request-id", "x-process-time", "ratelimit", "date"}
HOT = {
    "read_item", "list_items", "create_item", "read_profile", "list_own_items",
    "list_items_v2", "read_category_tree", "read_version",
}  # fmt: skip
QUERIES = [
    "", "limit=2", "limit=0", "limit=x", "limit=1&limit=3", "tag=wood&tag=oak", "tag=No+Tag",
    "tag=", "q=ab", "q=desk&remember=true", "skip=1&cursor=x", "cursor=", "owner_id=1",
    "min_price=1e3", "min_price=10.00&max_price=20", "sort=-price,name", "sort=shape",
    "include_total=yes", "?limit=5", "unknown=1", "limit=%32", "limit=5;skip=1",
    "include_total=maybe&limit=101",
]  # fmt: skip
ITEM = {"name": "Walnut desk", "price": "999.99", "tags": ["wood"]}
BODIES = [
    (json.dumps(ITEM), "application/json"),
    (json.dumps(ITEM), "application/json; charset=utf-8"),
    (json.dumps(ITEM), "application/vnd.api+json"),
    (json.dumps(ITEM), "text/plain"),
    (json.dumps({**ITEM, "price": "-1", "colour": "red"}), "application/json"),
    (json.dumps([ITEM]), "application/json"),
    ("null", "application/json"),
    ("", "application/json"),
    ("{", "application/json"),
    ("[" * 100_000, "application/json"),
    ('{"name": "x", "price": NaN}', "application/json"),
    ('{"name": "\\ud800", "price": 1}', "application/json"),
]


@pytest.fixture
def as_fastapi_does(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Have FastAPI solve all dependencies from now on, as it must when some are replaced."""

    def switch() -> None:
        monkeypatch.setitem(app.dependency_overrides, object, object)

    return switch


def response_parts(response: Any) -> tuple[int, dict[str, str], Any]:
    headers = {name: value for name, value in response.headers.items() if name not in VOLATILE}
    body = response.json() if response.content else None
    if isinstance(body, dict):
        body.pop("request_id", None)
    return response.status_code, headers, body


async def both(
    send: Callable[[], Awaitable[Any]], as_fastapi_does: Callable[[], None]
) -> tuple[Any, Any]:
    fast = response_parts(await send())
    as_fastapi_does()
    return fast, response_parts(await send())


class TestSameResponses:
    @pytest.mark.parametrize("query", QUERIES)
    async def test_list_requests_get_the_same_responses(
        self, as_user: As, user: User, save: Save, as_fastapi_does: Any, query: str
    ) -> None:
        client = await as_user(user)
        for price in (5, 15):
            await save(make_item(user, price=price, tags=["oak", "wood"]))

        fast, expected = await both(lambda: client.get(f"/api/v1/items?{query}"), as_fastapi_does)

        assert fast == expected

    @pytest.mark.parametrize("query", QUERIES)
    async def test_anonymous_requests_get_the_same_responses(
        self, client: AsyncClient, as_fastapi_does: Any, query: str
    ) -> None:
        fast, expected = await both(lambda: client.get(f"/api/v1/items?{query}"), as_fastapi_does)

        assert fast == expected
        assert fast[0] == 401

    @pytest.mark.parametrize("name", ["", "x", "%00", "0198f3c2-7d5e-7a41-9b0c-3f6f1d2e4a58"])
    async def test_id_requests_get_the_same_responses(
        self, as_user: As, user: User, as_fastapi_does: Any, name: str
    ) -> None:
        client = await as_user(user)

        fast, expected = await both(
            lambda: client.get(f"/api/v1/items/{name}", headers={"If-None-Match": '"1"'}),
            as_fastapi_does,
        )

        assert fast == expected

    @pytest.mark.parametrize(("body", "media_type"), BODIES)
    async def test_body_requests_get_the_same_responses(
        self, as_user: As, user: User, as_fastapi_does: Any, body: str, media_type: str
    ) -> None:
        client = await as_user(user)

        fast, expected = await both(
            lambda: client.post(
                "/api/v1/items", content=body, headers={"Content-Type": media_type}
            ),
            as_fastapi_does,
        )

        assert (fast[0], without_ids(fast)) == (expected[0], without_ids(expected))


def without_ids(response: tuple[int, dict[str, str], Any]) -> tuple[dict[str, str], Any]:
    """Without what is another one's for each item that is created."""
    _, headers, body = response
    if "location" not in headers:
        return headers, body
    its_own = {"id", "created_at", "updated_at"}
    return (
        {name: headers[name] for name in headers.keys() - {"location", "last-modified"}},
        {name: body[name] for name in body.keys() - its_own},
    )


@pytest.mark.parametrize("name", sorted(HOT))
async def test_hot_operation_has_a_shortcut(app: FastAPI, name: str) -> None:
    assert shortcut_of(app, name)


def shortcut_of(app: FastAPI, name: str) -> Shortcut | None:
    (route,) = (each for each in app.routes if isinstance(each, ServiceRoute) and each.name == name)
    return route.shortcut


class TestSmallApplication:
    """Each kind of dependency, on an application that has little else."""

    @pytest.fixture
    async def router(self) -> AsyncIterator[APIRouter]:
        calls: list[Request] = []

        async def record(request: Request) -> None:
            calls.append(request)

        yield APIRouter(dependencies=[Depends(record)])
        assert calls, "The dependency of the router was not called."

    @pytest.fixture
    def ask(self, router: APIRouter, settings: Settings) -> Callable[..., Awaitable[Any]]:
        app = FastAPI()
        app.state.resources = Resources()
        app.state.resources.add(settings)

        async def ask(method: str = "GET", path: str = "/", **options: Any) -> Any:
            if not any(isinstance(route, ServiceRoute) for route in app.routes):
                mount(app, router)
                install(app)
            async with new_client(app) as client:
                return await client.request(method, path, **options)

        return ask

    async def test_shared_dependency_is_called_once(self, router: APIRouter, ask: Any) -> None:
        numbers = count()

        async def number() -> int:
            return next(numbers)

        async def doubled(found: Annotated[int, Depends(number)]) -> int:
            return found * 2

        @router.get("/")
        async def answer(
            one: Annotated[int, Depends(number)],
            again: Annotated[int, Depends(number, use_cache=False)],
            two: Annotated[int, Depends(doubled)],
        ) -> Response:
            return Response(f"{one} {two} {again}")

        assert (await ask()).text == "0 0 1"
        assert (await ask()).text == "2 4 3"

    async def test_generator_is_passed_to_fastapi(self, router: APIRouter, ask: Any) -> None:
        ends: list[str] = []

        async def opened() -> AsyncIterator[str]:
            yield "open"
            ends.append("closed")

        @router.get("/")
        async def answer(state: Annotated[str, Depends(opened)]) -> Response:
            return Response(state)

        assert (await ask()).text == "open"
        assert ends == ["closed"]

    async def test_form_is_passed_to_fastapi(self, router: APIRouter, ask: Any) -> None:
        @router.post("/")
        async def answer(name: Annotated[str, Form()]) -> Response:
            return Response(name)

        assert (await ask("POST", data={"name": "Ada"})).text == "Ada"

    async def test_two_bodies_are_passed_to_fastapi(self, router: APIRouter, ask: Any) -> None:
        async def first(one: Annotated[int, Body()]) -> int:
            return one

        @router.post("/")
        async def answer(
            one: Annotated[int, Depends(first)], two: Annotated[int, Body()]
        ) -> Response:
            return Response(f"{one} {two}")

        assert (await ask("POST", json={"one": 1, "two": 2})).text == "1 2"

    async def test_mutable_default_is_not_shared(self, router: APIRouter, ask: Any) -> None:
        @router.get("/")
        async def answer(names: Annotated[list[str], Query()] = []) -> Response:  # noqa: B006  (the trap)
            names.append("Ada")
            return Response(",".join(names))

        assert (await ask()).text == "Ada"
        assert (await ask()).text == "Ada"

    async def test_invalid_parameter_calls_no_dependency_twice(
        self, router: APIRouter, ask: Any
    ) -> None:
        calls: list[str] = []

        async def noted() -> None:
            calls.append("noted")

        @router.get("/")
        # Not an integer: of those, the route itself checks the spelling.
        async def answer(_: Annotated[None, Depends(noted)], number: float) -> Response:
            return Response(str(number))

        rejected = await ask(path="/?number=x")

        assert rejected.status_code == 422
        assert calls == ["noted"]


async def test_a_dependency_can_be_replaced(
    app: FastAPI, as_user: As, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def get_none() -> None:
        raise NotFound("It was replaced.")

    monkeypatch.setitem(app.dependency_overrides, get_item, get_none)
    client = await as_user(user)

    response = await client.get("/api/v1/items/0198f3c2-7d5e-7a41-9b0c-3f6f1d2e4a58")

    assert response.json()["detail"] == "It was replaced."


def test_endpoint_in_a_thread_is_unsupported() -> None:
    def slow() -> int:
        return 1

    router = APIRouter(route_class=ServiceRoute)

    @router.get("/")
    async def answer(_: Annotated[int, Depends(slow)]) -> Response:
        return Response()

    with pytest.raises(Unsupported):
        DependencyGraph(cast("ServiceRoute", router.routes[0]))
