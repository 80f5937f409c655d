"""Limited request: the deadline stands still while the client sends, and ends at the first byte."""

import asyncio

import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.config.settings import Settings
from app.features.load_shedding.concurrency_limit import ConcurrencyLimit
from app.features.load_shedding.limited_request import LimitedRequest
from app.features.load_shedding.settings import LoadSheddingSettings
from app.http.problem_extensions import ProblemExtensions
from app.resources import Resources
from tests.polling import PATIENCE_SECONDS, eventually

CLIENT = ("192.0.2.1", b"")


class Exchange:
    """A request whose deadline has passed as soon as the event loop checks its timers."""

    def __init__(self, settings: Settings) -> None:
        self.limit = ConcurrencyLimit(settings.of(LoadSheddingSettings))
        self.statuses: list[int] = []
        self.is_sent = asyncio.Event()
        app = FastAPI()
        app.state.resources = Resources()
        app.state.resources.add(ProblemExtensions(()))
        self._scope: Scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
        self._scope |= {"app": app, "fastapi": {}, "state": {}}
        self.work = LimitedRequest(self.limit, CLIENT, self._scope, self._receive, self._send)

    async def status(self, app: ASGIApp) -> int:
        """Return the status that the client receives from the application."""
        await self.limit.acquire(CLIENT)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.work.run(app, deadline=asyncio.get_running_loop().time())
        return self.statuses[0]

    async def _receive(self) -> Message:
        await self.is_sent.wait()
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.statuses.append(message["status"])


@pytest.fixture
async def exchange(settings: Settings) -> Exchange:
    return Exchange(settings)


async def start_response(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def until_timers_have_run() -> None:
    """Wait for a timer that is later than the deadline."""
    loop = asyncio.get_running_loop()
    ran = loop.create_future()
    loop.call_later(0.01, ran.set_result, None)
    await ran


class TestDeadline:
    async def test_passes(self, exchange: Exchange) -> None:
        async def app(_: Scope, __: Receive, ___: Send) -> None:
            await asyncio.Event().wait()

        assert await exchange.status(app) == 504
        await eventually(lambda: exchange.limit.in_flight == 0)

    async def test_ends_when_the_response_starts(self, exchange: Exchange) -> None:
        async def app(_: Scope, __: Receive, send: Send) -> None:
            await start_response(send)
            await until_timers_have_run()

        assert await exchange.status(app) == 200

    async def test_stands_still_while_the_client_sends(self, exchange: Exchange) -> None:
        async def app(_: Scope, receive: Receive, send: Send) -> None:
            waiting = asyncio.create_task(exchange_sends())
            await receive()
            await start_response(send)
            await waiting

        async def exchange_sends() -> None:
            await until_timers_have_run()
            exchange.is_sent.set()

        assert await exchange.status(app) == 200

    async def test_can_be_removed(self, exchange: Exchange) -> None:
        async def app(_: Scope, __: Receive, send: Send) -> None:
            exchange.work.remove_deadline()
            await until_timers_have_run()
            await start_response(send)

        assert await exchange.status(app) == 200


class TestSlot:
    async def test_is_free_while_the_request_waits(self, exchange: Exchange) -> None:
        in_flight: list[int] = []

        async def app(_: Scope, __: Receive, send: Send) -> None:
            exchange.work.remove_deadline()
            with exchange.work.without_slot():
                await eventually(lambda: exchange.limit.in_flight == 0)
            in_flight.append(exchange.limit.in_flight)
            await start_response(send)

        await exchange.status(app)

        assert in_flight == [1]
        await eventually(lambda: exchange.limit.in_flight == 0)
