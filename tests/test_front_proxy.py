"""The shipped configuration of nginx, in the real nginx, before applications of every kind."""

import asyncio
import json
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI, Request, Response

from benchmarks.harness.nginx import BINARY, Nginx, running_nginx
from benchmarks.harness.servers import Connection, connected, serving
from tests.conftest import Running
from tests.polling import eventually

pytestmark = pytest.mark.skipif(BINARY is None, reason="There is no nginx: install nginx-light.")

KEYED = {"Idempotency-Key": "5f0c6f1e"}
MEBI = 1024 * 1024


@asynccontextmanager
async def asking(nginx: Nginx) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(
        base_url=f"https://localhost:{nginx.port}", verify=nginx.trusting(), trust_env=False
    ) as client:
        yield client


@asynccontextmanager
async def asking_slowly(
    nginx: Nginx, path: str, *, sent: int
) -> AsyncIterator[asyncio.StreamReader]:
    """A form of 1 MiB, or 200 for uploads, of which a part has been sent."""
    reader, writer = await asyncio.open_connection("localhost", nginx.port, ssl=nginx.trusting())
    length = 200 * MEBI if path.endswith("files") else MEBI
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n"
    writer.write(head.encode() + b"Content-Type: multipart/form-data; boundary=b\r\n\r\n")
    writer.write(bytes(sent))
    try:
        yield reader
    finally:
        writer.transport.abort()


@pytest.fixture
async def proxied(app: FastAPI, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the application behind the proxy."""
    async with serving(app) as port:
        with running_nginx(tmp_path / "nginx", [port]) as nginx:
            async with asking(nginx) as client:
                yield client


class TestLimits:
    async def test_request_reaches_the_service(self, proxied: httpx2.AsyncClient) -> None:
        response = await proxied.get("/liveness", headers={"X-Request-ID": "mine"})

        assert response.status_code == 200
        assert response.headers["x-request-id"] == "mine"

    async def test_large_header_is_a_problem(self, proxied: httpx2.AsyncClient) -> None:
        response = await proxied.get("/liveness", headers={"X-Large": "a" * 40_000})

        assert (response.status_code, response.json()["status"]) == (431, 431)
        assert response.headers["content-type"] == "application/problem+json"

    async def test_large_body_is_a_problem(self, proxied: httpx2.AsyncClient) -> None:
        response = await proxied.post("/api/v1/items", content=bytes(2 * MEBI))

        assert (response.status_code, response.json()["code"]) == (413, "content_too_large")

    @pytest.mark.parametrize("headers", [{}, KEYED])
    async def test_large_body_of_an_anonymous_route_is_a_problem(
        self, proxied: httpx2.AsyncClient, headers: dict[str, str]
    ) -> None:
        response = await proxied.post(
            "/api/v1/auth/token", content=bytes(17 * 1024), headers=headers
        )

        assert (response.status_code, response.json()["code"]) == (413, "content_too_large")

    async def test_buffered_body_is_counted(self, app: FastAPI, tmp_path: Path) -> None:
        with running_nginx(tmp_path / "nginx", [1]) as nginx:
            async with asking_slowly(nginx, "/api/v1/items", sent=MEBI // 2):
                await eventually(lambda: nginx.stored_bytes() >= MEBI // 4)

    async def test_metrics_are_not_accessible_from_outside(
        self, proxied: httpx2.AsyncClient
    ) -> None:
        assert (await proxied.get("/metrics")).status_code == 403


class TestOverload:
    """Requests beyond those that an instance works on."""

    MAX_CONNS = 2

    @pytest.fixture
    async def gate(self) -> AsyncIterator[asyncio.Event]:
        gate = asyncio.Event()
        yield gate
        gate.set()

    @pytest.fixture
    async def full(
        self, running: Running, tmp_path: Path, gate: asyncio.Event
    ) -> AsyncIterator[httpx2.AsyncClient]:
        """A client of a service whose only instance has no room."""
        arrived = []

        async def wait() -> None:
            arrived.append(1)
            await gate.wait()

        async with running() as app, serving(app) as port:
            app.add_api_route("/waits", wait)
            with running_nginx(tmp_path / "nginx", [port], max_conns=self.MAX_CONNS) as nginx:
                async with asking(nginx) as client, asyncio.TaskGroup() as tasks:
                    for _ in range(self.MAX_CONNS):
                        tasks.create_task(client.get("/waits", timeout=None))
                    await eventually(lambda: len(arrived) == self.MAX_CONNS)
                    yield client
                    gate.set()

    @pytest.mark.parametrize("headers", [{}, KEYED])
    async def test_is_rejected_with_503(
        self, full: httpx2.AsyncClient, headers: dict[str, str]
    ) -> None:
        response = await full.post("/api/v1/items", headers=headers)

        assert (response.status_code, response.json()["code"]) == (503, "overloaded")
        assert response.json()["status"] == 503
        assert response.headers["retry-after"] == "1"

    async def test_request_is_passed_on_when_there_is_room_again(
        self, full: httpx2.AsyncClient, gate: asyncio.Event
    ) -> None:
        async def is_passed_on() -> bool:
            return (await full.get("/version")).status_code == 200

        assert not await is_passed_on()
        gate.set()

        await eventually(is_passed_on)

    @pytest.mark.parametrize(
        "path",
        [
            "/liveness",
            "/readiness",
            "/api/v1/auth/sessions",
            "/api/v1/files",
            "/api/v1/events",
            "/api/v1/items/export",
        ],
    )
    async def test_service_itself_bounds_what_waits_or_streams(
        self, full: httpx2.AsyncClient, path: str
    ) -> None:
        # Of an optional feature that is removed: 404.
        assert (await full.get(path)).status_code in {200, 401, 404}


class TestProblems:
    """Rejections by nginx have the format of the service."""

    @pytest.mark.parametrize(
        ("path", "instance"),
        [
            ("/api/v1/items?q=secret", "/api/v1/items"),
            ("/api/v1/caf%C3%A9", "/api/v1/caf%C3%A9"),
            ('/api/v1/"},{"', "/api/v1/"),
        ],
    )
    async def test_problem_names_its_instance_and_request(
        self, app: FastAPI, tmp_path: Path, path: str, instance: str
    ) -> None:
        with running_nginx(tmp_path / "nginx", [1]) as nginx:
            reader, writer = await asyncio.open_connection(
                "localhost", nginx.port, ssl=nginx.trusting()
            )
            head = "Host: localhost\r\nX-Request-ID: mine\r\nOrigin: https://shop.example\r\n"
            writer.write(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
            status, headers, body = await Connection(reader, writer).answer()
            writer.transport.abort()

        problem = json.loads(body)
        assert (status, problem["code"], problem["instance"]) == (502, "unavailable", instance)
        assert headers["x-request-id"] == problem["request_id"] == "mine"

    async def test_scripts_of_other_origins_may_read_problems(
        self, proxied: httpx2.AsyncClient
    ) -> None:
        origin = {"Origin": "https://shop.example"}
        rejected = await proxied.post("/api/v1/items", content=bytes(2 * MEBI), headers=origin)
        without = await proxied.post("/api/v1/items", content=bytes(2 * MEBI))

        assert rejected.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in rejected.headers
        assert rejected.headers["access-control-expose-headers"] == "Retry-After, X-Request-ID"
        assert "access-control-allow-origin" not in without.headers

    async def test_listed_origin_may_read_problems_with_credentials(
        self, app: FastAPI, tmp_path: Path
    ) -> None:
        with running_nginx(tmp_path / "nginx", [1]) as nginx:
            listed = tmp_path / "nginx" / "origins.conf"
            text = listed.read_text(encoding="utf-8").replace('# "https://app', '"https://app')
            listed.write_text(text, encoding="utf-8")
            nginx.reload()
            origin, responses = {"Origin": "https://app.example.com"}, list[httpx2.Response]()

            async def is_reloaded() -> bool:
                # The worker that the reload ends closes its connections.
                with suppress(httpx2.TransportError):
                    async with asking(nginx) as client:
                        responses.append(await client.get("/", headers=origin))
                return (
                    bool(responses) and responses[-1].headers["access-control-allow-origin"] != "*"
                )

            await eventually(is_reloaded)

        assert responses[-1].headers["access-control-allow-origin"] == "https://app.example.com"
        assert responses[-1].headers["access-control-allow-credentials"] == "true"


class TestHeaders:
    @pytest.fixture
    def echo(self) -> FastAPI:
        app = FastAPI()

        @app.get("/")
        async def read_headers(request: Request) -> dict[str, str]:
            return dict(request.headers)

        @app.get("/long")
        async def answer_with_a_long_header() -> Response:
            return Response(headers={"Link": f'</{"a" * 12_000}>; rel="next"'})

        return app

    async def test_long_response_header_passes(self, echo: FastAPI, tmp_path: Path) -> None:
        async with serving(echo) as port:
            with running_nginx(tmp_path / "nginx", [port]) as nginx:
                async with asking(nginx) as client:
                    response = await client.get("/long")

        assert (response.status_code, len(response.headers["link"])) == (200, 12_015)

    async def test_client_cannot_choose_its_address(self, echo: FastAPI, tmp_path: Path) -> None:
        async with serving(echo) as port:
            with running_nginx(tmp_path / "nginx", [port]) as nginx:
                async with asking(nginx) as client:
                    response = await client.get("/", headers={"X-Forwarded-For": "198.51.100.1"})

        assert response.json()["host"] == f"localhost:{nginx.port}"
        assert response.json()["x-forwarded-for"] == "127.0.0.1"
        assert response.json()["x-forwarded-proto"] == "https"

    async def test_plain_http_is_sent_to_tls(self, tmp_path: Path) -> None:
        with running_nginx(tmp_path / "nginx", [1]) as nginx:
            async with connected(nginx.plain_port) as client:
                await client.send(b"GET /docs?a=1 HTTP/1.1\r\nHost: example.com\r\n\r\n")
                status, headers, _ = await client.answer()

        assert (status, headers["location"]) == (308, "https://example.com/docs?a=1")

    async def test_old_tls_is_rejected(self, tmp_path: Path) -> None:
        with running_nginx(tmp_path / "nginx", [1]) as nginx:
            assert await speaks(nginx, ssl.TLSVersion.TLSv1_2)
            with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
                await speaks(nginx, ssl.TLSVersion.TLSv1_1)


async def speaks(nginx: Nginx, version: ssl.TLSVersion) -> bool:
    context = nginx.trusting()
    # OpenSSL itself would reject what is older than 1.2.
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    _, writer = await asyncio.open_connection("localhost", nginx.port, ssl=context)
    writer.close()
    return bool(writer.get_extra_info("ssl_object").version() == version.name.replace("_", "."))


class TestLostInstance:
    """One instance drops each request; the other one responds."""

    @pytest.fixture
    async def halved(self, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
        async with dropping() as lost, serving(FastAPI()) as alive:
            with running_nginx(tmp_path / "nginx", [lost, alive]) as nginx:
                async with asking(nginx) as client:
                    yield client

    @pytest.mark.parametrize(("method", "headers"), [("GET", {}), ("PUT", {}), ("POST", KEYED)])
    async def test_retryable_request_is_retried(
        self, halved: httpx2.AsyncClient, method: str, headers: dict[str, str]
    ) -> None:
        responses = [await halved.request(method, "/", headers=headers) for _ in range(4)]

        assert {response.status_code for response in responses} == {404}

    @pytest.mark.parametrize(("method", "headers"), [("POST", {}), ("PATCH", KEYED)])
    async def test_other_request_is_a_problem(
        self, halved: httpx2.AsyncClient, method: str, headers: dict[str, str]
    ) -> None:
        responses = [await halved.request(method, "/", headers=headers) for _ in range(4)]

        (lost, *_) = [response for response in responses if response.status_code == 502]
        assert lost.json()["code"] == "unavailable"
        assert lost.headers["retry-after"] == "1"


@asynccontextmanager
async def dropping() -> AsyncIterator[int]:
    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    async with await asyncio.start_server(drop, "127.0.0.1", 0) as server:
        yield int(server.sockets[0].getsockname()[1])
