"""Secrets that clients send appear in no line of the log."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, redirect_stdout
from io import StringIO
from typing import Any

import pytest
from fastapi import Request
from httpx2 import AsyncClient

from tests.conftest import Running, new_client

CANARY = "canary-7f3a9c5512"
V1 = "/api/v1"


@asynccontextmanager
async def talkative(running: Running, log: StringIO) -> AsyncIterator[AsyncClient]:
    """Run a service with the lowest log level, and an endpoint that fails with its input.

    When it has ended, each of its lines is in the log.
    """
    with redirect_stdout(log):
        async with running(log_level="debug") as app, new_client(app) as client:
            app.add_api_route("/fails", fail, methods=["POST"])
            yield client


async def fail(request: Request) -> None:
    try:
        json.loads(await request.body())
    except ValueError as error:
        raise RuntimeError(f"{request.headers} {request.url}") from error


REQUESTS: list[dict[str, Any]] = [
    {"url": f"{V1}/items", "headers": {"Authorization": f"Bearer {CANARY}"}},
    {"url": f"{V1}/items", "headers": {"Authorization": f"Basic {CANARY}"}},
    {"url": f"{V1}/items", "headers": {"X-API-Key": f"rk_1f2e3d4c5b6a_{CANARY}"}},
    {"url": f"{V1}/items", "headers": {"Cookie": f"session={CANARY}"}},
    {"url": f"/verify-email?token={CANARY}"},
    {"url": f"/fails?ticket={CANARY}"},
    {"url": f"{V1}/items?q={CANARY}&cursor={CANARY}"},
    {"url": f"{V1}/auth/token", "data": {"username": "any-client", "password": CANARY}},
    {"url": f"{V1}/auth/refresh", "json": {"refresh_token": CANARY}},
    {"url": f"{V1}/auth/reset-password", "json": {"token": CANARY, "new_password": CANARY}},
    {"url": f"{V1}/auth/register", "json": {"password": CANARY, CANARY: [CANARY]}},
    {"url": f"{V1}/auth/register", "content": f'{{"password": "{CANARY}'},
    {"url": "/fails?a=" + CANARY, "content": CANARY, "headers": {"X-Odd": CANARY}},
]


class TestSecret:
    @pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: each["url"].split("?")[0])
    async def test_is_in_no_log(self, running: Running, request_: dict[str, Any]) -> None:
        is_write, log = {"json", "data", "content"} & request_.keys(), StringIO()

        async with talkative(running, log) as service:
            await service.request("POST" if is_write else "GET", **request_)

        assert '"event": "request"' in log.getvalue()
        assert CANARY not in log.getvalue()

    async def test_of_an_unexpected_error_is_not_in_its_traceback(self, running: Running) -> None:
        log = StringIO()
        async with talkative(running, log) as service:
            response = await service.post("/fails", content=CANARY)

        assert response.status_code == 500
        assert '"exc_type": "RuntimeError"' in log.getvalue()
        assert '"exc_type": "JSONDecodeError"' in log.getvalue()
        assert CANARY not in response.text + log.getvalue()
