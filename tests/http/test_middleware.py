"""Header fields and the request id of every response."""

import uuid
from collections.abc import AsyncIterator

import pytest
import structlog
from fastapi import FastAPI
from httpx2 import AsyncClient
from starlette.types import Message
from structlog.typing import EventDict

from app.features.users.models.user import User
from app.observability.logging import add_request_context
from tests.conftest import Running, access_token, new_client

ITEMS = "/api/v1/items"
PATHS = ["/liveness", "/verify-email", "/nothing", "/api/v1/items", "/openapi.json"]


class TestRequestId:
    @pytest.mark.parametrize("request_id", ["a", "A-b_c.9", "0" * 128, "-"])
    async def test_valid_request_id_is_used(self, client: AsyncClient, request_id: str) -> None:
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
    async def test_invalid_request_id_is_replaced(
        self, client: AsyncClient, request_id: bytes
    ) -> None:
        response = await client.get("/nothing", headers=[(b"X-Request-ID", request_id)])

        assert uuid.UUID(response.headers["X-Request-ID"]).version == 4

    async def test_each_request_has_its_own(self, client: AsyncClient) -> None:
        ids = {(await client.get("/liveness")).headers["X-Request-ID"] for _ in range(5)}

        assert len(ids) == 5

    async def test_is_sent_once(self, client: AsyncClient) -> None:
        response = await client.get("/liveness", headers=[("X-Request-ID", "a")])

        assert response.headers.get_list("X-Request-ID") == ["a"]


class TestEveryResponse:
    @pytest.mark.parametrize("path", PATHS)
    async def test_has_process_time(self, client: AsyncClient, path: str) -> None:
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

    async def test_sends_hsts_in_production_only(
        self, running: Running, client: AsyncClient
    ) -> None:
        async with running(environment="production") as app, new_client(app) as production:
            response = await production.get("/liveness")

        assert "max-age=" in response.headers["Strict-Transport-Security"]
        assert "Strict-Transport-Security" not in (await client.get("/liveness")).headers


class TestAccessLog:
    @pytest.fixture
    async def lines(self, running: Running) -> AsyncIterator[tuple[AsyncClient, list[EventDict]]]:
        async with running(log_level="info") as app, new_client(app) as client:
            with structlog.testing.capture_logs(processors=[add_request_context]) as lines:
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
    async def test_client_disconnecting_within_its_body_is_no_error(
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


class TestHead:
    @pytest.mark.parametrize("path", PATHS)
    async def test_is_answered_like_get(self, app: FastAPI, path: str) -> None:
        async with new_client(app, **{"Accept-Encoding": "identity"}) as client:
            got, head = await client.get(path), await client.head(path)

        assert head.content == b""
        assert head.status_code == got.status_code
        assert head.headers["Content-Length"] == got.headers["Content-Length"]
        assert head.headers["Content-Type"] == got.headers["Content-Type"]
