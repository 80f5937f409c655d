"""Bodies: bounded before they are read, parsed or validated, on every route."""

import json
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.params import Form
from httpx2 import AsyncClient
from starlette.types import Message

from app.config.settings import Settings
from app.features.users.models.user import User
from app.http.body_bounds import body_rule
from app.http.routes import ServiceRoute
from app.http.schemas import MAX_ERRORS, RequestModel
from tests.conftest import As, access_token
from tests.problems import assert_problem
from tests.state import resources_of

ITEMS = "/api/v1/items"
REFRESH = "/api/v1/auth/refresh"
ANONYMOUS_BYTES = 16 * 1024
JSON = {"Content-Type": "application/json"}
# The plain path is that of FastAPI: a media type with a parameter is not compiled.
PATHS = [JSON, {"Content-Type": "application/json; charset=utf-8"}]


def names(count: int) -> bytes:
    return json.dumps({f"a{number}": 1 for number in range(count)}).encode()


class Body:
    """Chunks of a body, of which it is counted how many were read."""

    def __init__(self, size: int, chunk: int = 1024) -> None:
        self._left, self._chunk = size, chunk
        self.read = 0

    async def receive(self) -> Message:
        size = min(self._chunk, self._left)
        self._left -= size
        self.read += size
        return {"type": "http.request", "body": b" " * size, "more_body": self._left > 0}


async def status_of(app: FastAPI, body: Body, path: str, *headers: tuple[bytes, bytes]) -> int:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("test", 80),
        "scheme": "http",
        "http_version": "1.1",
        "root_path": "",
    }
    await app(scope, body.receive, send)
    return int(sent[0]["status"])


class TestBytes:
    @pytest.mark.parametrize(
        "path",
        [
            f"/api/v1/auth/{name}"
            for name in (
                "refresh",
                "register",
                "verify-email",
                "forgot-password",
                "reset-password",
                "token",
            )
        ],
    )
    async def test_anonymous_client_may_send_little(self, client: AsyncClient, path: str) -> None:
        body = b'"' + b"a" * ANONYMOUS_BYTES + b'"'

        assert_problem(
            await client.post(path, content=body, headers=JSON), 413, "content_too_large"
        )

    async def test_no_more_is_read_than_the_limit(self, app: FastAPI) -> None:
        body = Body(1_000_000)

        assert await status_of(app, body, REFRESH) == 413
        assert body.read <= ANONYMOUS_BYTES + 1024

    @pytest.mark.parametrize("path", [ITEMS, "/api/v2/items"])
    async def test_body_is_not_read_before_the_caller_is_known(
        self, app: FastAPI, path: str
    ) -> None:
        body = Body(1_000_000)

        assert await status_of(app, body, path) == 401
        assert body.read == 0

    async def test_authenticated_caller_may_send_more(self, app: FastAPI, user: User) -> None:
        token = await access_token(app, user)
        body = Body(500_000)

        status = await status_of(app, body, ITEMS, (b"authorization", f"Bearer {token}".encode()))

        assert (status, body.read) == (422, 500_000)

    async def test_limits_are_settings(self, app: FastAPI) -> None:
        settings = resources_of(app)[Settings]

        assert settings.max_anonymous_body_bytes == ANONYMOUS_BYTES
        assert settings.max_body_bytes == 1024 * 1024


class TestJsonStructure:
    @pytest.mark.parametrize("headers", PATHS)
    async def test_too_many_values_are_not_parsed(
        self, as_user: As, user: User, headers: dict[str, str]
    ) -> None:
        client = await as_user(user)

        response = await client.post(ITEMS, content=names(40_000), headers=headers)

        assert_problem(response, 413, "too_many_values")

    @pytest.mark.parametrize("headers", PATHS)
    @pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000])
    async def test_endless_levels_are_too_many_values(
        self, as_user: As, user: User, headers: dict[str, str], body: bytes
    ) -> None:
        client = await as_user(user)

        response = await client.post(ITEMS, content=body, headers=headers)

        assert_problem(response, 413, "too_many_values")

    @pytest.mark.parametrize("headers", PATHS)
    async def test_too_many_levels_are_not_parsed(
        self, as_user: As, user: User, headers: dict[str, str]
    ) -> None:
        client = await as_user(user)

        response = await client.post(ITEMS, content=b"[" * 100 + b"]" * 100, headers=headers)

        assert_problem(response, 400, "nested_too_deeply")

    async def test_largest_batch_is_within_the_bounds(self, as_user: As, user: User) -> None:
        client = await as_user(user)
        item = {
            "name": "Desk, white",
            "description": "a, b, c " * 20,
            "price": "1.00",
            "tags": [f"t{number}" for number in range(20)],
        }

        response = await client.post(f"{ITEMS}/batch", json={"items": [item] * 1000})

        assert response.json()["created"] == 1000


class TestErrors:
    @pytest.mark.parametrize("headers", PATHS)
    @pytest.mark.parametrize("count", [MAX_ERRORS + 1, 30_000])
    async def test_too_many_unknown_names_are_one_error(
        self, as_user: As, user: User, headers: dict[str, str], count: int
    ) -> None:
        client = await as_user(user)

        response = await client.post(ITEMS, content=names(count), headers=headers)

        problem = assert_problem(response, 422, "validation_failed")
        assert [error["code"] for error in problem["errors"]] == ["too_many_errors"]

    async def test_errors_up_to_the_bound_are_listed(self, client: AsyncClient) -> None:
        response = await client.post(REFRESH, content=names(MAX_ERRORS - 1), headers=JSON)

        # One more for the token, which is missing.
        assert len(response.json()["errors"]) == MAX_ERRORS

    async def test_errors_of_a_batch_are_bounded_together(self, as_user: As, user: User) -> None:
        client = await as_user(user)
        items = [{f"a{number}": 1 for number in range(25)}] * 1000

        response = await client.post(f"{ITEMS}/batch", json={"items": items})

        results = response.json()["results"]
        assert {result["status"] for result in results} == {422}
        listed = [error["code"] for each in results for error in each["problem"]["errors"]]
        assert len(listed) <= 2 * 1000
        assert listed.count("too_many_errors") + listed.count("extra_forbidden") > 900

    async def test_each_error_of_a_thousand_items_is_named(self, as_user: As, user: User) -> None:
        client = await as_user(user)
        items = [{"name": "a", "price": "-1"}] * 1000

        response = await client.post(f"{ITEMS}/batch", json={"items": items})

        errors = [result["problem"]["errors"] for result in response.json()["results"]]
        assert {tuple(error["code"] for error in each) for each in errors} == {("greater_than",)}

    async def test_errors_of_an_atomic_batch_are_bounded(self, as_user: As, user: User) -> None:
        client = await as_user(user)
        items = [{f"a{number}": 1 for number in range(25)}] * 1000

        response = await client.post(f"{ITEMS}/batch", json={"items": items, "atomic": True})

        assert len(assert_problem(response, 422, "validation_failed")["errors"]) <= MAX_ERRORS

    async def test_fields_of_a_form_are_bounded(self, client: AsyncClient) -> None:
        fields = "&".join(f"a{number}=1" for number in range(1100))
        headers = {"Content-Type": "application/x-www-form-urlencoded"}

        response = await client.post("/api/v1/auth/token", content=fields, headers=headers)

        assert_problem(response, 400, "invalid_request")

    async def test_fields_of_the_form_of_a_page_are_bounded(self, client: AsyncClient) -> None:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        media_types = []
        for count in (1000, 1001):
            fields = "&".join(["token=a", *(f"f{number}=" for number in range(count - 1))])
            response = await client.post("/verify-email", content=fields, headers=headers)
            media_types.append(response.headers["Content-Type"].partition(";")[0])

        # The page says that the token is not valid; the form with one field more is not read.
        assert media_types == ["text/html", "application/problem+json"]


class TestContentCoding:
    @pytest.mark.parametrize("headers", PATHS)
    @pytest.mark.parametrize("coding", ["gzip", "br", "x", "identity, gzip"])
    async def test_encoded_body_is_rejected_with_the_supported_codings(
        self, client: AsyncClient, coding: str, headers: dict[str, str]
    ) -> None:
        headers = {**headers, "Content-Encoding": coding}

        response = await client.post(REFRESH, content=b"\x1f\x8b", headers=headers)

        assert_problem(response, 415, "unsupported_content_coding")
        assert response.headers["Accept-Encoding"] == "identity"

    @pytest.mark.parametrize("coding", ["identity", "Identity", ""])
    async def test_identity_is_no_coding(self, client: AsyncClient, coding: str) -> None:
        headers = {**JSON, "Content-Encoding": coding}

        response = await client.post(REFRESH, content=b'{"refresh_token": "a"}', headers=headers)

        assert_problem(response, 401, "invalid_token")


class TestQuery:
    async def test_number_of_parameters_is_bounded(self, client: AsyncClient) -> None:
        response = await client.get(f"{ITEMS}?" + "&".join(["tag=a"] * 101))

        assert_problem(response, 414, "too_many_parameters")


class TestEveryRoute:
    async def test_every_body_schema_bounds_its_errors(self, app: FastAPI) -> None:
        for route in bodies(app):
            for field in route.dependant.body_params:
                if isinstance(field.field_info, Form):  # Those name their fields, and no others.
                    continue
                annotation = field.field_info.annotation
                assert isinstance(annotation, type), route.path_format
                assert issubclass(annotation, RequestModel), route.path_format

    async def test_routes_without_authentication_are_listed(self, app: FastAPI) -> None:
        anonymous = {
            route.path_format for route in bodies(app) if body_rule(route).authentication is None
        }

        pages = {
            f"/{page}{request}"
            for page in ("reset-password", "verify-email")
            for request in ("", "/request")
        }
        assert anonymous == pages | {
            f"/api/v1/auth/{name}"
            for name in (
                "refresh",
                "register",
                "verify-email",
                "forgot-password",
                "reset-password",
            )
        }


def bodies(app: FastAPI) -> list[Any]:
    """The routes that take a body."""
    every = (route for route in app.routes if isinstance(route, ServiceRoute))
    return [route for route in every if route.body_field is not None]
