"""What every answer carries, whoever made it."""

import gzip
import uuid
from collections.abc import AsyncIterator

import pytest
import structlog
from fastapi import FastAPI
from httpx2 import AsyncClient
from starlette.types import Message
from structlog.typing import EventDict

from app.core.logging import add_attribution
from app.models.user import User
from tests.conftest import As, Running, Save, access_token, new_client
from tests.factories import make_item
from tests.problems import assert_problem

FRONT = "https://front.example"
ITEMS = "/api/v1/items"
PATHS = ["/liveness", "/", "/docs", "/nothing", "/api/v1/items", "/openapi.json"]


@pytest.fixture
async def browser(running: Running) -> AsyncIterator[AsyncClient]:
    """Somebody whose origin is allowed."""
    async with running(allowed_origins=[FRONT]) as app, new_client(app, Origin=FRONT) as client:
        yield client


def preflight(origin: str, method: str, *headers: str) -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": ", ".join(headers),
    }


class TestRequestId:
    @pytest.mark.parametrize("request_id", ["a", "A-b_c.9", "0" * 128, "-"])
    async def test_good_one_is_taken_over(self, client: AsyncClient, request_id: str) -> None:
        response = await client.get("/nothing", headers={"X-Request-ID": request_id})

        assert response.headers["X-Request-ID"] == request_id
        assert response.json()["request_id"] == request_id

    @pytest.mark.parametrize(
        "request_id",
        [
            b"",
            b"0" * 129,
            b"a b",
            b"a\tb",
            b"a/b",
            b"<b>",
            b'"',
            b"\xc3\xa9",
            b"a,b",
            b"a;b",
            b"%0A",
        ],
    )
    async def test_bad_one_is_replaced(self, client: AsyncClient, request_id: bytes) -> None:
        response = await client.get("/nothing", headers=[(b"X-Request-ID", request_id)])

        assert uuid.UUID(response.headers["X-Request-ID"]).version == 4

    async def test_each_request_has_its_own(self, client: AsyncClient) -> None:
        ids = {(await client.get("/liveness")).headers["X-Request-ID"] for _ in range(5)}

        assert len(ids) == 5

    async def test_is_sent_once(self, client: AsyncClient) -> None:
        response = await client.get("/liveness", headers=[("X-Request-ID", "a")])

        assert response.headers.get_list("X-Request-ID") == ["a"]


class TestEveryAnswer:
    @pytest.mark.parametrize("path", PATHS)
    async def test_says_how_long_it_took(self, client: AsyncClient, path: str) -> None:
        response = await client.get(path)

        assert 0 < float(response.headers["X-Process-Time"]) < 60

    @pytest.mark.parametrize("path", PATHS)
    async def test_is_safe_to_open(self, client: AsyncClient, path: str) -> None:
        headers = (await client.get(path)).headers

        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "Cache-Control" in headers

    @pytest.mark.parametrize("path", PATHS)
    async def test_does_not_name_the_server(self, client: AsyncClient, path: str) -> None:
        headers = (await client.get(path)).headers

        assert not {"server", "x-powered-by"} & headers.keys()

    async def test_is_not_stored_by_caches(self, client: AsyncClient) -> None:
        response = await client.get(ITEMS)

        assert response.headers["Cache-Control"] == "no-store"

    async def test_insists_on_https_in_production_only(
        self, running: Running, client: AsyncClient
    ) -> None:
        async with running(environment="production") as app, new_client(app) as production:
            answer = await production.get("/liveness")

        assert "max-age=" in answer.headers["Strict-Transport-Security"]
        assert "Strict-Transport-Security" not in (await client.get("/liveness")).headers


class TestAccessLog:
    @pytest.fixture
    async def lines(self, running: Running) -> AsyncIterator[tuple[AsyncClient, list[EventDict]]]:
        async with running(log_level="info") as app, new_client(app) as client:
            with structlog.testing.capture_logs(processors=[add_attribution]) as lines:
                yield client, lines

    async def test_has_a_line_for_each_request(
        self, lines: tuple[AsyncClient, list[EventDict]]
    ) -> None:
        client, log = lines

        await client.post("/nothing?token=secret", headers={"X-Request-ID": "r-1"})

        [line] = [line for line in log if line["log"] == "access"]
        assert (line["method"], line["path"], line["status"]) == ("POST", "/nothing", 404)
        assert (line["request_id"], line["route"]) == ("r-1", "(none)")
        assert line["milliseconds"] > 0

    async def test_names_the_route_and_the_user(
        self, app: FastAPI, lines: tuple[AsyncClient, list[EventDict]], user: User
    ) -> None:
        client, log = lines
        token = await access_token(app, user)

        await client.head(f"{ITEMS}/{user.id}", headers={"Authorization": f"Bearer {token}"})

        [line] = [line for line in log if line["log"] == "access"]
        assert (line["route"], line["user_id"]) == (f"{ITEMS}/{{item_id}}", str(user.id))

    async def test_leaves_out_probes(self, lines: tuple[AsyncClient, list[EventDict]]) -> None:
        client, log = lines

        await client.get("/liveness")

        assert log == []


class TestCatchAll:
    async def test_client_that_leaves_within_its_body_is_no_error(
        self, app: FastAPI, user: User
    ) -> None:
        headers = {
            "authorization": f"Bearer {await access_token(app, user)}",
            "content-type": "application/json",
            "content-length": "1000",
            "idempotency-key": "one",
        }
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/api/v1/items",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("test", 80),
            "scheme": "http",
            "http_version": "1.1",
            "root_path": "",
        }
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        await app(scope, receive, send)

        assert sent == []


class TestCors:
    async def test_allowed_origin_may_read(self, browser: AsyncClient) -> None:
        response = await browser.get("/liveness")

        assert response.headers["Access-Control-Allow-Origin"] == FRONT
        assert response.headers["Access-Control-Allow-Credentials"] == "true"
        exposed = set(response.headers["Access-Control-Expose-Headers"].split(", "))
        assert {"ETag", "Link", "Location", "Retry-After", "X-Request-ID"} <= exposed

    async def test_problem_may_be_read_too(self, browser: AsyncClient) -> None:
        response = await browser.get("/nothing")

        assert_problem(response, 404, "not_found")
        assert response.headers["Access-Control-Allow-Origin"] == FRONT

    async def test_answer_differs_by_origin(self, browser: AsyncClient) -> None:
        response = await browser.get("/liveness")

        assert "Origin" in response.headers["Vary"]

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", f"{FRONT}.evil.example"])
    async def test_other_origin_may_not_read(self, browser: AsyncClient, origin: str) -> None:
        response = await browser.get("/liveness", headers={"Origin": origin})

        assert "Access-Control-Allow-Origin" not in response.headers

    async def test_nobody_may_unless_it_is_set(self, client: AsyncClient) -> None:
        response = await client.get("/liveness", headers={"Origin": FRONT})

        assert "Access-Control-Allow-Origin" not in response.headers

    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def test_preflight_allows_what_the_api_takes(
        self, browser: AsyncClient, method: str
    ) -> None:
        wanted = ["authorization", "content-type", "if-match", "if-none-match", "x-api-key"]
        headers = preflight(FRONT, method, *wanted, "idempotency-key", "x-request-id")

        response = await browser.options(ITEMS, headers=headers)

        assert response.status_code == 200
        assert "X-Request-ID" in response.headers
        assert method in response.headers["Access-Control-Allow-Methods"]

    @pytest.mark.parametrize(
        "headers",
        [
            preflight("https://evil.example", "GET"),
            preflight(FRONT, "TRACE"),
            preflight(FRONT, "GET", "x-surprise"),
        ],
    )
    async def test_other_preflight_is_refused(
        self, browser: AsyncClient, headers: dict[str, str]
    ) -> None:
        response = await browser.options(ITEMS, headers=headers)

        assert_problem(response, 400, "bad_request")


class TestCompression:
    async def test_long_answer_is_compressed(self, as_user: As, user: User, save: Save) -> None:
        for _ in range(10):
            await save(make_item(user))
        client = await as_user(user)

        async with client.stream("GET", ITEMS, headers={"Accept-Encoding": "gzip"}) as response:
            raw = b"".join([chunk async for chunk in response.aiter_raw()])

        assert response.headers["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in response.headers["Vary"]
        assert len(raw) < len(gzip.decompress(raw)) / 3

    async def test_short_answer_is_not(self, client: AsyncClient) -> None:
        response = await client.get("/liveness", headers={"Accept-Encoding": "gzip"})

        assert "Content-Encoding" not in response.headers

    async def test_client_may_decline(self, client: AsyncClient) -> None:
        response = await client.get("/openapi.json", headers={"Accept-Encoding": "identity"})

        assert "Content-Encoding" not in response.headers


class TestHead:
    @pytest.mark.parametrize("path", PATHS)
    async def test_is_answered_like_get(self, app: FastAPI, path: str) -> None:
        async with new_client(app, **{"Accept-Encoding": "identity"}) as client:
            got, head = await client.get(path), await client.head(path)

        assert head.content == b""
        assert head.status_code == got.status_code
        assert head.headers["Content-Length"] == got.headers["Content-Length"]
        assert head.headers["Content-Type"] == got.headers["Content-Type"]
