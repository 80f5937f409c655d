"""Query parameters: each route accepts those that it declares, and each once."""

import re
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from httpx2 import AsyncClient

from app.features.users.models.user import User
from tests.conftest import As
from tests.problems import assert_problem, broken

ITEMS = "/api/v1/items"
SHELF = "книжный шкаф"
PARAMETER = re.compile(r"{[^}]+}")


@pytest.fixture
async def caller(as_user: As, admin: User) -> AsyncClient:
    return await as_user(admin)


def operations(app: FastAPI) -> list[tuple[str, str]]:
    found = [
        (method, PARAMETER.sub("7f", str(context.path)))
        for context in iter_route_contexts(app.routes)
        for method in context.methods or ()
    ]
    return found + [("HEAD", path) for method, path in found if method == "GET"]


def integer_parameters(app: FastAPI) -> list[tuple[str, str]]:
    """Return path and name of each integer among the query parameters of the document."""
    return [
        (PARAMETER.sub("7f", path), parameter["name"])
        for path, methods in app.openapi()["paths"].items()
        for parameter in methods.get("get", {}).get("parameters", ())
        if parameter["in"] == "query" and parameter["schema"].get("type") == "integer"
    ]


async def test_every_route_rejects_unknown_parameters(app: FastAPI, caller: AsyncClient) -> None:
    for method, path in operations(app):
        response = await caller.request(method, path, params={"surprise": "1"})

        assert response.status_code == 422, (method, path)
        if method != "HEAD":
            assert broken(response) == {"/query/surprise": "unknown_parameter"}


async def test_anonymous_client_has_to_sign_in_first(client: AsyncClient) -> None:
    response = await client.get(ITEMS, params={"surprise": "1"})

    assert_problem(response, 401, "unauthenticated")


async def test_rejected_request_counts_in_the_rate_limit(caller: AsyncClient) -> None:
    response = await caller.get(ITEMS, params={"surprise": "1"})

    assert {"ratelimit", "ratelimit-policy"} <= response.headers.keys()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (ITEMS, "min_prize"),
        (ITEMS, "page"),
        ("/api/v2/items", "skip"),
        (f"{ITEMS}/export", "limit"),
        ("/verify-email", "utm_source"),
        ("/static/site.css", "w"),
        ("/health", "verbose"),
    ],
)
async def test_misspelt_parameter_is_named(caller: AsyncClient, path: str, name: str) -> None:
    response = await caller.get(path, params={name: "1"})

    assert broken(response) == {f"/query/{name}": "unknown_parameter"}


@pytest.mark.parametrize("name", ["limit", "sort", "q", "cursor", "min_price", "include_total"])
async def test_repeated_parameter_is_rejected(caller: AsyncClient, name: str) -> None:
    response = await caller.get(f"{ITEMS}?{name}=1&{name}=1")

    assert broken(response) == {f"/query/{name}": "repeated_parameter"}


@pytest.mark.parametrize("value", ["1_0", "%2010", "+10", "%2B10", "10.0", "10%0A", "%D9%A1", ""])
async def test_integers_have_digits_only(app: FastAPI, caller: AsyncClient, value: str) -> None:
    for path, name in integer_parameters(app):
        response = await caller.get(f"{path}?{name}={value}")

        assert broken(response) == {f"/query/{name}": "int_parsing"}, path


@pytest.mark.parametrize("value", ["1_0", "%2010", "+10", "1e1", "10%0A", "%D9%A1", "1."])
async def test_amounts_are_plain_decimals(caller: AsyncClient, value: str) -> None:
    response = await caller.get(f"{ITEMS}?min_price={value}")

    assert broken(response) == {"/query/min_price": "decimal_parsing"}


async def test_longest_search_text_is_accepted_in_any_script(caller: AsyncClient) -> None:
    """Each of its 50 characters has up to 12 bytes in a URL."""
    for letter in ("a", "я", "ก", "文", "\U00020000"):
        response = await caller.get(ITEMS, params={"q": letter * 50})

        assert response.status_code == 200, letter
        assert broken(await caller.get(ITEMS, params={"q": letter * 51})) == {
            "/query/q": "string_too_long"
        }


async def test_encoded_name_is_the_same_name(caller: AsyncClient) -> None:
    assert (await caller.get(f"{ITEMS}?%6Cimit=1")).status_code == 200
    assert broken(await caller.get(f"{ITEMS}?limit=1&%6cimit=2")) == {
        "/query/limit": "repeated_parameter"
    }


async def test_list_parameter_may_repeat(caller: AsyncClient) -> None:
    assert (await caller.get(f"{ITEMS}?tag=a&tag=b&&")).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/site.css?v=1",
        f"{ITEMS}/export?format=csv&q=desk",
        "/api/v1/users?role=admin&is_active=true",
    ],
)
async def test_declared_parameters_are_accepted(caller: AsyncClient, path: str) -> None:
    assert (await caller.get(path)).status_code == 200


async def test_response_to_a_large_query_is_small(caller: AsyncClient) -> None:
    query = "&".join(f"{'a' * 2000}{number}=1" for number in range(20))

    response = await caller.get(f"{ITEMS}?{query}&min_price=x")

    errors = assert_problem(response, 422, "validation_failed")["errors"]
    assert {error["code"] for error in errors} == {"unknown_parameter"}
    assert len(errors) <= 20
    assert len(response.content) < 20_000


async def test_endless_number_is_rejected(caller: AsyncClient) -> None:
    response = await caller.get(ITEMS, params={"limit": "0" * 3000 + "20"})

    assert broken(response) == {"/query/limit": "too_long"}


async def test_longest_known_parameters_keep_links_small(caller: AsyncClient) -> None:
    params: dict[str, Any] = {
        "q": "ш" * 50,
        "tag": [f"{number:030}" for number in range(20)],
        "limit": "0" * 290 + "1",
        "min_price": "0" * 290 + "1",
        "max_price": "0" * 290 + "1",
        "include_total": "true",
        "sort": "name,price,created_at",
    }

    response = await caller.get(ITEMS, params=params)

    assert response.status_code in {200, 422}
    assert sum(len(name) + len(value) for name, value in response.headers.items()) < 8000


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("q=caf%E9", "/query/q"), ("%E9=x", "/query"), ("%C3%25A9=x", "/query")],
)
async def test_query_in_invalid_utf_8_is_rejected(
    caller: AsyncClient, query: str, pointer: str
) -> None:
    response = await caller.get(f"{ITEMS}?{query}")

    assert broken(response) == {pointer: "text_encoding"}


class TestRememberedQuery:
    async def test_remembered_query_is_used_only_on_request(self, caller: AsyncClient) -> None:
        await caller.post(ITEMS, json={"name": SHELF, "price": "1.00"})
        await caller.post(ITEMS, json={"name": "Desk", "price": "1.00"})
        caller.cookies.clear()

        found = await caller.get(ITEMS, params={"q": SHELF, "remember": "true"})
        again = await caller.get(ITEMS, params={"remember": "true"})
        plain = await caller.get(ITEMS)

        for response in (found, again):
            assert [item["name"] for item in response.json()["items"]] == [SHELF]
        assert len(plain.json()["items"]) == 2

    @pytest.mark.parametrize(
        "cookie", ["", "ab", "a" * 51, "%00abc", "%FF%FEabc", "%D0%BA" * 51, '"abc', "a" * 4000]
    )
    @pytest.mark.parametrize("remember", ["true", "false"])
    async def test_unusable_cookie_is_ignored(
        self, caller: AsyncClient, cookie: str, remember: str
    ) -> None:
        headers = {"Cookie": f"last_query={cookie}"}

        response = await caller.get(ITEMS, params={"remember": remember}, headers=headers)

        assert response.status_code == 200
