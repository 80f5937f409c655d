"""Load shedding over HTTP: admission, rejection and deadlines."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import StreamingResponse
from httpx2 import AsyncClient
from sqlalchemy import func, select

from app.config.settings import Settings
from app.db.compiled import CompiledStatement
from app.features import FEATURES
from app.features.load_shedding.concurrency_limit import ConcurrencyLimit
from app.features.users.models.user import User
from benchmarks.harness.servers import connected, serving
from benchmarks.harness.tcp_proxy import proxied
from tests.conftest import Database, Running, access_token, new_client
from tests.polling import eventually
from tests.problems import assert_problem
from tests.sockets import HANDSHAKE
from tests.state import reads_of, resources_of

PATIENCE_SECONDS = 20
LOGIN = {"username": "any-client", "password": "a wrong password"}
MOST = 16
LIMITS = {
    "max_requests_in_flight": MOST,
    "max_requests_per_network": MOST,
    "max_requests_per_client": MOST // 2,
    "max_requests_waiting": 0,
}
PROBES = ["/liveness", "/readiness", "/health", *["/metrics"] * ("prometheus" in FEATURES)]


class Busy:
    """A service with endpoints that wait for the test."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.gate = asyncio.Event()
        self.cancelled = 0
        self.reading = 0
        app.add_api_route("/waits", self.wait, methods=["GET", "POST"])
        app.add_api_route("/streams", self.stream)
        app.add_api_route("/reads", self.read, methods=["POST"])

    @property
    def in_flight(self) -> int:
        return int(resources_of(self.app)[ConcurrencyLimit].in_flight)

    async def wait(self) -> str:
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return "done"

    async def stream(self) -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"first"
            await self.gate.wait()
            yield b"last"

        return StreamingResponse(chunks())

    async def read(self, request: Request) -> int:
        self.reading += 1
        return len(await request.body())

    async def settle(self, in_flight: int) -> None:
        await eventually(lambda: self.in_flight == in_flight, PATIENCE_SECONDS)


@pytest.fixture
async def busy(running: Running) -> AsyncIterator[Busy]:
    async with running(**LIMITS) as app:
        busy = Busy(app)
        yield busy
        busy.gate.set()


@pytest.fixture
async def client(busy: Busy) -> AsyncIterator[AsyncClient]:
    async with new_client(busy.app) as client:
        yield client


def named(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}"}


async def fill(busy: Busy, client: AsyncClient) -> "asyncio.Future[list[Any]]":
    """Occupy all slots, half of them by each of two clients."""
    names = ["one", "other"] * (MOST // 2)
    waiting = asyncio.gather(*(client.get("/waits", headers=named(name)) for name in names))
    await busy.settle(MOST)
    return waiting


class TestLimit:
    async def test_rejects_requests_above_the_limit(self, busy: Busy, client: AsyncClient) -> None:
        waiting = await fill(busy, client)

        rejected = await client.get("/version")

        busy.gate.set()
        assert_problem(rejected, 503, "overloaded")
        assert 1 <= int(rejected.headers["Retry-After"]) <= 3
        assert {each.status_code for each in await waiting} == {200}
        await busy.settle(0)
        assert (await client.get("/version")).status_code == 200

    async def test_client_occupies_its_share_only(self, busy: Busy, client: AsyncClient) -> None:
        waits = (client.get("/waits", headers=named("one")) for _ in range(MOST // 2))
        waiting = asyncio.gather(*waits)
        await busy.settle(MOST // 2)

        rejected = await client.get("/version", headers=named("one"))
        accepted = await client.get("/version", headers=named("other"))

        busy.gate.set()
        await waiting
        assert_problem(rejected, 503, "overloaded")
        assert accepted.status_code == 200

    async def test_requests_above_the_limit_wait(self, running: Running) -> None:
        async with running(**LIMITS | {"max_requests_waiting": MOST}) as app:
            busy = Busy(app)
            async with new_client(app) as client:
                waiting = await fill(busy, client)
                more = asyncio.create_task(client.get("/version"))
                busy.gate.set()

                assert (await more).status_code == 200
                await waiting

    async def test_streams_occupy_no_slot(self, busy: Busy, client: AsyncClient) -> None:
        async with serving(busy.app) as port, AsyncExitStack() as stack:
            for _ in range(2 * MOST):
                connection = await stack.enter_async_context(connected(port))
                await connection.send(b"GET /streams HTTP/1.1\r\nHost: test\r\n\r\n")
                await connection.reader.readuntil(b"first")

            await busy.settle(0)
            assert (await client.get("/version")).status_code == 200
            busy.gate.set()

    async def test_slow_senders_occupy_no_slot(self, running: Running) -> None:
        head = b"POST /reads HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n"
        async with AsyncExitStack() as stack:
            app = await stack.enter_async_context(
                running(**LIMITS | {"max_requests_waiting": 2 * MOST})
            )
            busy, port = Busy(app), await stack.enter_async_context(serving(app))
            client = await stack.enter_async_context(new_client(app))
            slow = [await stack.enter_async_context(connected(port)) for _ in range(2 * MOST)]
            for connection in slow:
                await connection.send(head + b"12345")
            await eventually(lambda: busy.reading == len(slow), PATIENCE_SECONDS)

            assert (await client.get("/version")).status_code == 200
            await slow[0].send(b"67890")
            assert (await slow[0].answer())[2] == b"10"

    @pytest.mark.parametrize("how", ["answered", "failed", "left"])
    async def test_slot_is_released(self, busy: Busy, client: AsyncClient, how: str) -> None:
        busy.app.add_api_route("/fails", lambda: 1 / 0)
        if how == "left":
            async with serving(busy.app) as port:
                async with connected(port) as connection:
                    await connection.send(b"GET /waits HTTP/1.1\r\nHost: test\r\n\r\n")
                    await busy.settle(1)
                busy.gate.set()
                await busy.settle(0)
        else:
            await client.get("/version" if how == "answered" else "/fails")
            await busy.settle(0)

    @pytest.mark.parametrize("path", PROBES)
    async def test_probes_always_pass(self, busy: Busy, client: AsyncClient, path: str) -> None:
        waiting = await fill(busy, client)

        assert (await client.get(path)).status_code == 200
        busy.gate.set()
        await waiting


class TestBursts:
    """Requests that arrive together and finish without waiting."""

    async def test_client_does_not_wait_for_the_burst_of_another(self, running: Running) -> None:
        answered: list[str] = []

        async def answer(name: str) -> None:
            answered.append(name)

        async with running(**LIMITS | {"max_requests_waiting": 100}) as app, new_client(app) as one:
            app.add_api_route("/answers/{name}", answer)
            burst = [one.get("/answers/one", headers=named("one")) for _ in range(100)]
            other = one.get("/answers/other", headers=named("other"))
            await asyncio.gather(*burst, other)

        assert len(answered) == 101
        assert answered.index("other") < MOST


class TestWebSockets:
    @pytest.fixture
    async def port(self, busy: Busy) -> AsyncIterator[int]:
        async def socket(websocket: WebSocket) -> None:
            await websocket.accept()
            await busy.gate.wait()

        busy.app.add_api_websocket_route("/socket", socket)
        async with serving(busy.app) as port:
            yield port
            busy.gate.set()

    async def test_occupy_no_slot(self, busy: Busy, port: int, client: AsyncClient) -> None:
        async with AsyncExitStack() as stack:
            for _ in range(2 * MOST):
                connection = await stack.enter_async_context(connected(port))
                await connection.send(HANDSHAKE.format(path="/socket", headers="").encode())
                await connection.reader.readuntil(b"\r\n\r\n")

            await busy.settle(0)
            assert (await client.get("/version")).status_code == 200

    async def test_handshake_is_rejected_above_the_limit(
        self, busy: Busy, port: int, client: AsyncClient
    ) -> None:
        waiting = await fill(busy, client)

        async with connected(port) as connection:
            await connection.send(HANDSHAKE.format(path="/socket", headers="").encode())
            status, _, _ = await connection.answer()

        busy.gate.set()
        await waiting
        assert status == 503


class TestDeadline:
    @pytest.fixture
    async def busy(self, running: Running) -> AsyncIterator[Busy]:
        async with running(request_timeout_seconds=0.3) as app:
            yield Busy(app)

    async def test_is_answered_with_504(self, busy: Busy, client: AsyncClient) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            response = await client.get("/waits", headers={"X-Request-ID": "r-1"})

        assert_problem(response, 504, "deadline_exceeded")
        assert response.headers["X-Request-ID"] == "r-1"
        assert busy.cancelled == 1
        await busy.settle(0)

    async def test_response_does_not_wait_for_the_clean_up(
        self, busy: Busy, client: AsyncClient
    ) -> None:
        tidied = asyncio.Event()

        async def untidy() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await busy.gate.wait()
                tidied.set()

        busy.app.add_api_route("/untidy", untidy)
        async with serving(busy.app) as port, connected(port) as connection:
            await connection.send(b"GET /untidy HTTP/1.1\r\nHost: test\r\n\r\n")
            async with asyncio.timeout(PATIENCE_SECONDS):
                status, _, _ = await connection.answer()

            assert (status, tidied.is_set()) == (504, False)
            busy.gate.set()
            await tidied.wait()

    async def test_connection_serves_the_next_request(self, busy: Busy) -> None:
        async with serving(busy.app) as port, connected(port) as connection:
            statuses = []
            # Probes have no deadline, which could pass on a busy machine.
            for path in (b"/waits", b"/liveness", b"/waits", b"/liveness"):
                await connection.send(b"GET %b HTTP/1.1\r\nHost: test\r\n\r\n" % path)
                async with asyncio.timeout(PATIENCE_SECONDS):
                    statuses.append((await connection.answer())[0])

        assert statuses == [504, 200, 504, 200]

    async def test_generation_of_the_document_may_take_longer(self, running: Running) -> None:
        async with running(request_timeout_seconds=0.1) as app, new_client(app) as client:
            response = await client.get("/openapi.json")

        assert response.status_code == 200

    async def test_reaches_the_statement(
        self, busy: Busy, client: AsyncClient, database: Database
    ) -> None:
        reads, sleep = (
            reads_of(busy.app),
            CompiledStatement(select(func.pg_sleep(60).label("stopped_by_its_deadline"))),
        )

        async def slow() -> None:
            await reads.scalar(sleep)

        async def has_ended() -> bool:
            return not await database(
                "SELECT 1 FROM pg_stat_activity WHERE state = 'active'"
                " AND query LIKE '%AS stopped_by_its_deadline' AND datname = current_database()"
            )

        busy.app.add_api_route("/slow", slow)
        response = await client.get("/slow")
        await eventually(has_ended, PATIENCE_SECONDS)

        assert_problem(response, 504, "deadline_exceeded")

    async def test_holds_while_the_database_hangs(
        self, running: Running, settings: Settings, user: User
    ) -> None:
        async with proxied(settings.database_url) as proxy, AsyncExitStack() as stack:
            changes = {"database_command_timeout_seconds": 60, "request_timeout_seconds": 1}
            app = await stack.enter_async_context(running(database_url=proxy.url, **changes))
            headers = {"Authorization": f"Bearer {await access_token(app, user)}"}
            client = await stack.enter_async_context(new_client(app, **headers))

            async def is_served() -> bool:
                return (await client.get("/api/v1/users/me")).status_code == 200

            await eventually(is_served)  # One second may be too short on a busy machine.
            proxy.switch("hang")

            async with asyncio.timeout(PATIENCE_SECONDS):
                responses = await asyncio.gather(
                    *(client.get("/api/v1/items") for _ in range(20)),
                    *(client.post("/api/v1/categories", json={"name": "A"}) for _ in range(20)),
                    *(client.post("/api/v1/auth/token", data=LOGIN) for _ in range(20)),
                )
                alive = await client.get("/liveness")
            proxy.switch("refuse")

        assert {each.status_code for each in responses} <= {403, 503, 504}
        assert 504 in {each.status_code for each in responses}
        assert alive.status_code == 200
