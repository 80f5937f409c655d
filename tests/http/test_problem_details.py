"""Problems: one shape for every error, without internal details."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException, Request
from httpx2 import AsyncClient

from app.config.settings import Settings
from app.errors import AppError, DeadlineExceeded, TooManyRequests, Unavailable
from app.features.users.models.user import User
from app.http.problem_details import MAX_POINTER, pointer
from app.http.schemas import MAX_ERRORS
from app.observability.logging import configure_logging
from benchmarks.harness.servers import connected, serving
from tests.conftest import As, Running, access_token, new_client
from tests.factories import item_body
from tests.problems import assert_problem, broken

ITEMS = "/api/v1/items"
JSON = {"Content-Type": "application/json"}
CANARY = "canary-7f3a9c"
LIMIT = 1024 * 1024


@pytest.fixture
async def signed_in(as_user: As, user: User) -> AsyncClient:
    return await as_user(user)


async def fail(request: Request) -> None:
    secret = await request.body()  # Which a careless traceback would show.
    raise RuntimeError(f"{len(secret)} bytes")


async def leak() -> None:
    raise HTTPException(418, CANARY)


class TestBodyThatCannotBeRead:
    @pytest.mark.parametrize("body", [b"{", b"", b"{'a': 1}", b'{"a": 1,}', b"\x00", b"[1] x"])
    async def test_broken_json_is_rejected(self, signed_in: AsyncClient, body: bytes) -> None:
        response = await signed_in.post(ITEMS, content=body, headers=JSON)

        assert broken(response).keys() == {"/body"}

    @pytest.mark.parametrize(
        "media_type",
        ["text/plain", "application/xml", "application/x-www-form-urlencoded", "json", ";", None],
    )
    async def test_other_media_type_is_rejected(
        self, signed_in: AsyncClient, media_type: str | None
    ) -> None:
        content = json.dumps(item_body()).encode()
        headers = {"Content-Type": media_type} if media_type else {}

        response = await signed_in.post(ITEMS, content=content, headers=headers)

        assert_problem(response, 415, "unsupported_media_type")
        assert response.headers["Accept"] == "application/json"

    @pytest.mark.parametrize(
        "media_type",
        ["application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.api+json"],
    )
    async def test_every_name_of_json_is_accepted(
        self, signed_in: AsyncClient, media_type: str
    ) -> None:
        content = json.dumps(item_body()).encode()

        response = await signed_in.post(
            ITEMS, content=content, headers={"Content-Type": media_type}
        )

        assert response.status_code == 201

    @pytest.mark.parametrize(
        "media_type",
        ["application/json-patch+json", "application/vnd.api+json", "text/plain", None],
    )
    async def test_other_format_of_a_patch_is_rejected(
        self, signed_in: AsyncClient, media_type: str | None
    ) -> None:
        headers = {"Content-Type": media_type} if media_type else {}

        response = await signed_in.patch("/api/v1/users/me", content=b"{}", headers=headers)

        assert_problem(response, 415, "unsupported_media_type")
        formats = "application/json, application/merge-patch+json"
        assert response.headers["Accept-Patch"] == formats

    async def test_merge_patch_is_accepted(self, signed_in: AsyncClient) -> None:
        headers = {"Content-Type": "application/merge-patch+json"}

        response = await signed_in.patch("/api/v1/users/me", content=b"{}", headers=headers)

        assert response.status_code == 200

    async def test_json_is_rejected_where_a_form_is_wanted(self, client: AsyncClient) -> None:
        response = await client.post("/api/v1/auth/token", json={"username": "ada"})

        assert_problem(response, 415, "unsupported_media_type")
        assert "application/x-www-form-urlencoded" in response.headers["Accept"]

    async def test_surrogate_in_utf_8_is_rejected(self, signed_in: AsyncClient) -> None:
        content = b'{"name": "\xed\xa0\x80", "price": 1}'

        response = await signed_in.post(ITEMS, content=content, headers=JSON)

        assert broken(response) == {"/body/name": "text_unstorable"}

    async def test_missing_body_is_missing(self, signed_in: AsyncClient) -> None:
        response = await signed_in.post(ITEMS)

        assert broken(response) == {"/body": "missing"}

    async def test_anonymous_client_gets_no_errors_of_the_body(self, client: AsyncClient) -> None:
        response = await client.post(ITEMS, json={"price": "x"})

        assert_problem(response, 401, "unauthenticated")


class TestMessages:
    @pytest.mark.parametrize("price", ["x", "1.234", "12345678", 1e9, None, []])
    async def test_messages_name_no_type_of_python(
        self, signed_in: AsyncClient, price: object
    ) -> None:
        response = await signed_in.post(ITEMS, json=item_body(price=price))

        (error,) = response.json()["errors"]
        assert "Decimal" not in error["message"]


class TestBodyThatIsTooLarge:
    async def test_length_of_any_number_of_digits_is_a_length(self, client: AsyncClient) -> None:
        """Otherwise the client would wait for the rejection until its body is late."""
        headers = {**JSON, "Content-Length": str(2**64 - 1)}

        response = await client.post("/api/v1/auth/refresh", content=b"{}", headers=headers)

        assert_problem(response, 413, "content_too_large")

    async def test_body_at_the_limit_is_read(self, signed_in: AsyncClient) -> None:
        body = json.dumps(item_body()).encode().ljust(LIMIT)

        response = await signed_in.post(ITEMS, content=body, headers=JSON)

        assert response.status_code == 201

    async def test_declared_length_is_rejected(self, signed_in: AsyncClient) -> None:
        response = await signed_in.post(ITEMS, content=b" " * (LIMIT + 1), headers=JSON)

        assert_problem(response, 413, "content_too_large")

    async def test_chunks_are_counted(self, signed_in: AsyncClient) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(17):
                yield b" " * 65_536

        response = await signed_in.post(ITEMS, content=chunks(), headers=JSON)

        assert_problem(response, 413, "content_too_large")

    async def test_form_is_limited_too(self, client: AsyncClient) -> None:
        response = await client.post("/api/v1/auth/token", data={"username": "x" * LIMIT})

        assert_problem(response, 413, "content_too_large")

    async def test_announced_body_is_not_awaited(self, app: FastAPI, user: User) -> None:
        head = await request_head(app, user, b"Content-Length: 99999999")

        async with serving(app) as port, connected(port) as connection:
            await connection.send(head)
            status, _, body = await connection.answer()

        assert (status, json.loads(body)["code"]) == (413, "content_too_large")

    async def test_endless_body_is_aborted(self, app: FastAPI, user: User) -> None:
        head = await request_head(app, user, b"Transfer-Encoding: chunked")
        chunk = b"%x\r\n%b\r\n" % (65_536, b" " * 65_536)

        async with serving(app) as port, connected(port) as connection:
            await connection.send(head)
            for _ in range(17):
                await connection.send(chunk)
            status, _, _ = await connection.answer()
            with pytest.raises(ConnectionError):
                await connection.flood(chunk)

        assert status == 413


async def request_head(app: FastAPI, user: User, length: bytes) -> bytes:
    token = (await access_token(app, user)).encode()
    lines = [
        b"POST /api/v1/items HTTP/1.1",
        b"Host: test",
        b"Authorization: Bearer " + token,
        b"Content-Type: application/json",
        length,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n"


class TestUnknownRoutes:
    @pytest.mark.parametrize(
        "path",
        ["/nothing", "/api/v1", "/api/v1/items/", "/api/v1/items/1/2", "/%00", "/../etc", "/é"],
    )
    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "BREW"])
    async def test_unknown_path_is_not_found(
        self, client: AsyncClient, method: str, path: str
    ) -> None:
        response = await client.request(method, path)

        assert_problem(response, 404, "not_found")

    async def test_wrong_method_names_the_right_ones(self, client: AsyncClient) -> None:
        response = await client.post("/liveness")

        assert_problem(response, 405, "method_not_allowed")
        assert response.headers["Allow"] == "GET, HEAD, OPTIONS"


class TestUnexpectedError:
    @pytest.fixture
    async def failing(self, running: Running) -> AsyncIterator[FastAPI]:
        async with running(log_level="error") as app:
            app.add_api_route("/fail", fail)
            app.add_api_route("/leak", leak)
            yield app

    async def test_unexpected_error_is_a_problem_without_its_text(self, failing: FastAPI) -> None:
        async with new_client(failing) as client:
            response = await client.get("/fail")

        assert_problem(response, 500, "internal_error")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "bytes" not in response.text
        assert "RuntimeError" not in response.text

    async def test_connection_stays_usable(self, failing: FastAPI) -> None:
        request = b"GET %b HTTP/1.1\r\nHost: test\r\n\r\n"

        async with serving(failing) as port, connected(port) as connection:
            await connection.send(request % b"/fail")
            first, _, _ = await connection.answer()
            await connection.send(request % b"/liveness")
            second, _, _ = await connection.answer()

        assert (first, second) == (500, 200)

    async def test_http_exception_of_a_library_is_a_problem(self, failing: FastAPI) -> None:
        async with new_client(failing) as client:
            response = await client.get("/leak")

        assert_problem(response, 400, "bad_request")
        assert CANARY not in response.text


class TestSecretInput:
    """Client input appears neither in a response nor in a log line."""

    @pytest.fixture
    def log(self, settings: Settings, caplog: pytest.LogCaptureFixture) -> Iterator[StringIO]:
        caplog.set_level("WARNING", "httpx2")  # The client of the test, not the service.
        yield StringIO()
        configure_logging(settings)

    @pytest.mark.parametrize(
        ("method", "path", "options"),
        [
            ("POST", ITEMS, {"json": {"name": [CANARY], "price": CANARY, "tags": [CANARY, 1]}}),
            ("POST", ITEMS, {"json": CANARY}),
            ("POST", ITEMS, {"content": CANARY, "headers": JSON}),
            ("POST", ITEMS, {"content": CANARY, "headers": {"Content-Type": CANARY}}),
            ("POST", f"{ITEMS}/batch", {"json": {"items": [{"name": 1, "price": CANARY}]}}),
            ("GET", ITEMS, {"params": {"sort": CANARY, "limit": CANARY, "cursor": CANARY}}),
            ("GET", ITEMS, {"params": {"owner_id": CANARY, "tag": CANARY.upper()}}),
            ("GET", ITEMS, {"headers": {"Authorization": f"Bearer {CANARY}"}}),
            ("GET", ITEMS, {"headers": {"Authorization": CANARY}}),
            ("GET", ITEMS, {"headers": {"X-API-Key": f"rk_{CANARY}_{CANARY}"}}),
            ("GET", "/nothing", {"params": {"token": CANARY}, "headers": {"Cookie": CANARY}}),
            ("POST", "/api/v1/auth/token", {"data": {"username": CANARY, "password": CANARY}}),
            ("POST", "/api/v1/auth/refresh", {"json": {"refresh_token": CANARY}}),
            ("POST", "/api/v1/auth/reset-password", {"json": {"token": 1, "new_password": CANARY}}),
            ("POST", "/api/v1/auth/register", {"json": {"email": CANARY, "password": CANARY}}),
            ("POST", "/fail", {"json": {"password": CANARY}}),
        ],
    )
    async def test_secret_input_is_not_repeated(
        self,
        running: Running,
        log: StringIO,
        user: User,
        method: str,
        path: str,
        options: dict[str, Any],
    ) -> None:
        with redirect_stdout(log), redirect_stderr(log):
            async with running(log_level="debug") as talkative:
                talkative.add_api_route("/fail", fail, methods=["POST"])
                token = await access_token(talkative, user)
                headers = {"Authorization": f"Bearer {token}", "X-Canary": CANARY}
                async with new_client(talkative, **headers) as client:
                    response = await client.request(method, path, **options)

        assert CANARY not in (response.text + str(response.headers)).lower()
        assert response.headers["X-Request-ID"] in log.getvalue()
        assert CANARY not in log.getvalue().lower()
        assert token not in log.getvalue()


class TestShape:
    @pytest.mark.parametrize(
        ("error", "retry_after"),
        [
            (Unavailable("Later."), "1"),
            (Unavailable(retry_after_seconds=30), "30"),
            (TooManyRequests(retry_after_seconds=7), "7"),
            (DeadlineExceeded(), None),
        ],
    )
    async def test_rejection_has_retry_after(
        self, running: Running, error: AppError, retry_after: str | None
    ) -> None:
        async def reject() -> None:
            raise error

        async with running() as app:
            app.add_api_route("/reject", reject)
            async with new_client(app) as client:
                response = await client.get("/reject")

        assert_problem(response, error.status, error.code)
        assert response.headers.get("Retry-After") == retry_after

    async def test_missing_credentials_are_challenged(self, client: AsyncClient) -> None:
        response = await client.get(ITEMS)

        assert response.headers["WWW-Authenticate"] == "Bearer"

    async def test_invalid_credentials_have_their_challenge(self, client: AsyncClient) -> None:
        response = await client.get(ITEMS, headers={"Authorization": "Bearer x"})

        assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'

    async def test_missing_scope_has_its_challenge(self, as_user: As, guest: User) -> None:
        client = await as_user(guest)

        response = await client.post(ITEMS, json=item_body())

        assert response.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'

    async def test_errors_are_bounded(self, signed_in: AsyncClient) -> None:
        fields = {f"field {number}": 1 for number in range(MAX_ERRORS)}

        response = await signed_in.post(
            f"{ITEMS}/batch", json={"items": [item_body(**fields)] * 3, "atomic": True}
        )

        assert len(response.json()["errors"]) == MAX_ERRORS

    def test_pointer_is_escaped(self) -> None:
        assert pointer(("body", "a/b", 0, "m~n")) == "/body/a~1b/0/m~0n"

    def test_pointer_is_bounded_and_can_be_encoded(self) -> None:
        made = pointer(("body", "\ud800" * 10_000))

        assert len(made.encode()) <= MAX_POINTER
