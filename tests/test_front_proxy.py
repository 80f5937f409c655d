"""The shipped configuration of nginx, in the real nginx, before applications of every kind."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI, Request

from tests.nginx import BINARY, Nginx, running_nginx
from tests.servers import connected, serving

pytestmark = pytest.mark.skipif(BINARY is None, reason="There is no nginx: install nginx-light.")

KEYED = {"Idempotency-Key": "5f0c6f1e"}
MEBI = 1024 * 1024


@asynccontextmanager
async def asking(nginx: Nginx) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(
        base_url=f"https://localhost:{nginx.port}", verify=nginx.trusting(), trust_env=False
    ) as client:
        yield client


@pytest.fixture
async def proxied(app: FastAPI, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the application behind the proxy."""
    async with serving(app) as port:
        with running_nginx(tmp_path / "nginx", [port]) as nginx:
            async with asking(nginx) as client:
                yield client


class TestLimits:
    async def test_request_reaches_the_service(self, proxied: httpx2.AsyncClient) -> None:
        answer = await proxied.get("/liveness", headers={"X-Request-ID": "mine"})

        assert answer.status_code == 200
        assert answer.headers["x-request-id"] == "mine"

    async def test_large_header_is_a_problem(self, proxied: httpx2.AsyncClient) -> None:
        answer = await proxied.get("/liveness", headers={"X-Large": "a" * 40_000})

        assert (answer.status_code, answer.json()["status"]) == (431, 431)
        assert answer.headers["content-type"] == "application/problem+json"

    async def test_large_body_is_a_problem(self, proxied: httpx2.AsyncClient) -> None:
        answer = await proxied.post("/api/v1/items", content=bytes(2 * MEBI))

        assert (answer.status_code, answer.json()["code"]) == (413, "content_too_large")

    @pytest.mark.parametrize("headers", [{}, KEYED])
    async def test_upload_may_be_larger(
        self, proxied: httpx2.AsyncClient, headers: dict[str, str]
    ) -> None:
        answer = await proxied.post("/api/v1/files", content=bytes(2 * MEBI), headers=headers)

        assert answer.json()["code"] == "unauthenticated"

    async def test_metrics_are_not_for_the_world(self, proxied: httpx2.AsyncClient) -> None:
        assert (await proxied.get("/metrics")).status_code == 403


class TestHeaders:
    @pytest.fixture
    def echo(self) -> FastAPI:
        app = FastAPI()

        @app.get("/")
        async def read_headers(request: Request) -> dict[str, str]:
            return dict(request.headers)

        return app

    async def test_client_cannot_choose_its_address(self, echo: FastAPI, tmp_path: Path) -> None:
        async with serving(echo) as port:
            with running_nginx(tmp_path / "nginx", [port]) as nginx:
                async with asking(nginx) as client:
                    answer = await client.get("/", headers={"X-Forwarded-For": "198.51.100.1"})

        assert answer.json()["x-forwarded-for"] == "127.0.0.1"
        assert answer.json()["x-forwarded-proto"] == "https"

    async def test_plain_http_is_sent_to_tls(self, tmp_path: Path) -> None:
        with running_nginx(tmp_path / "nginx", [1]) as nginx:
            async with connected(nginx.plain_port) as client:
                await client.send(b"GET /docs?a=1 HTTP/1.1\r\nHost: example.com\r\n\r\n")
                status, headers, _ = await client.answer()

        assert (status, headers["location"]) == (308, "https://example.com/docs?a=1")

    async def test_old_tls_is_refused(self, tmp_path: Path) -> None:
        with running_nginx(tmp_path / "nginx", [1]) as nginx:
            assert await speaks(nginx, ssl.TLSVersion.TLSv1_2)
            with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
                await speaks(nginx, ssl.TLSVersion.TLSv1_1)


async def speaks(nginx: Nginx, version: ssl.TLSVersion) -> bool:
    context = nginx.trusting()
    # OpenSSL itself would refuse what is older than 1.2.
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    _, writer = await asyncio.open_connection("localhost", nginx.port, ssl=context)
    writer.close()
    return bool(writer.get_extra_info("ssl_object").version() == version.name.replace("_", "."))


class TestLostInstance:
    """One instance drops each request that it got; the other one answers."""

    @pytest.fixture
    async def halved(self, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
        async with dropping() as lost, serving(FastAPI()) as alive:
            with running_nginx(tmp_path / "nginx", [lost, alive]) as nginx:
                async with asking(nginx) as client:
                    yield client

    @pytest.mark.parametrize(("method", "headers"), [("GET", {}), ("PUT", {}), ("POST", KEYED)])
    async def test_what_may_be_repeated_is(
        self, halved: httpx2.AsyncClient, method: str, headers: dict[str, str]
    ) -> None:
        answers = [await halved.request(method, "/", headers=headers) for _ in range(4)]

        assert {answer.status_code for answer in answers} == {404}

    @pytest.mark.parametrize(("method", "headers"), [("POST", {}), ("PATCH", KEYED)])
    async def test_what_may_not_be_is_a_problem(
        self, halved: httpx2.AsyncClient, method: str, headers: dict[str, str]
    ) -> None:
        answers = [await halved.request(method, "/", headers=headers) for _ in range(4)]

        (lost, *_) = [answer for answer in answers if answer.status_code == 502]
        assert lost.json()["code"] == "unavailable"
        assert lost.headers["retry-after"] == "1"


@asynccontextmanager
async def dropping() -> AsyncIterator[int]:
    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    async with await asyncio.start_server(drop, "127.0.0.1", 0) as server:
        yield int(server.sockets[0].getsockname()[1])
