"""Concurrency limiter of sign-ins: no client can hold a slot."""

from contextlib import AsyncExitStack
from urllib.parse import urlencode

from fastapi import FastAPI

from app.features.auth.password_limiter import AT_ONCE
from app.features.users.models.user import User
from benchmarks.harness.servers import connected, serving
from tests.factories import PASSWORD


async def test_slow_client_holds_no_slot(app: FastAPI, user: User) -> None:
    body = urlencode({"username": user.email, "password": PASSWORD}).encode()
    head = (
        b"POST /api/v1/auth/token HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    ) % len(body)
    async with serving(app) as port, AsyncExitStack() as stack:
        for _ in range(2 * AT_ONCE):
            slow = await stack.enter_async_context(connected(port))
            await slow.send(head + body[:5])
        prompt = await stack.enter_async_context(connected(port))

        await prompt.send(head + body)

        assert (await prompt.answer())[0] == 200
