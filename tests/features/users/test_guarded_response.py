"""Guarded responses: streamed bytes end with the credential of their caller, or after a time."""

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from fastapi import FastAPI, Request
from httpx2 import AsyncClient
from starlette.requests import ClientDisconnect
from starlette.types import Message

from app.features.users.guarded_response import GuardedResponse
from app.features.users.models.user import User
from app.security.credential_verification import authenticate
from tests.conftest import As
from tests.polling import eventually
from tests.state import reads_of


class FrequentlyChecked(GuardedResponse):
    every_seconds = 0.01


class Brief(GuardedResponse):
    max_seconds = 0.05


async def request_of(app: FastAPI, client: AsyncClient) -> Request:
    headers = [(name.lower().encode(), value.encode()) for name, value in client.headers.items()]
    request = Request(
        {"type": "http", "app": app, "path": "/", "headers": headers, "query_string": b""}
    )
    request.scope["principal"] = await authenticate(request)
    return request


async def endless() -> AsyncIterator[bytes]:
    yield b"first"
    await asyncio.Event().wait()


async def sent(response: GuardedResponse, request: Request) -> list[Message]:
    messages: list[Message] = []

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        messages.append(message)

    scope = {**request.scope, "asgi": {"spec_version": "2.4"}}
    await response(scope, receive, send)
    return messages


@pytest.mark.parametrize("path", ["/api/v1/auth/logout", "/api/v1/auth/logout-all"])
async def test_response_ends_with_the_session(
    app: FastAPI, as_user: As, user: User, path: str
) -> None:
    client = await as_user(user)
    request = await request_of(app, client)
    sending = asyncio.create_task(sent(FrequentlyChecked(request, endless()), request))

    await client.post(path)

    with pytest.raises(ClientDisconnect):
        await sending


async def test_response_ends_after_the_longest_time(app: FastAPI, as_user: As, user: User) -> None:
    request = await request_of(app, await as_user(user))

    with pytest.raises(ClientDisconnect):
        await sent(Brief(request, endless()), request)


@pytest.mark.parametrize("expires_at", [math.inf, 0.0], ids=["live token", "expired token"])
async def test_response_of_a_live_session_is_complete(
    app: FastAPI, as_user: As, user: User, expires_at: float
) -> None:
    request = await request_of(app, await as_user(user))
    request.scope["principal"] = replace(request.scope["principal"], expires_at=expires_at)

    async def slow() -> AsyncIterator[bytes]:
        yield b"first"
        before = reads_of(app).statements
        await eventually(lambda: reads_of(app).statements > before)
        yield b"second"

    messages = await sent(FrequentlyChecked(request, slow()), request)

    assert b"".join(message.get("body", b"") for message in messages) == b"firstsecond"
    assert not messages[-1]["more_body"]
