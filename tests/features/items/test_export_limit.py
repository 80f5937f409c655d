"""Bounds on exports: slots, connections, memory and time, with clients on real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app.db.resources import DatabaseResources
from app.errors import Overloaded
from app.features.items.lifespan import ItemResources
from app.features.users.models.user import User
from app.http.concurrency_limiter import ConcurrencyLimiter, TooManyAtOnce
from app.runtime.ids import uuid7
from benchmarks.harness.servers import Connection, serving
from tests.conftest import Running, access_token, new_client
from tests.polling import eventually
from tests.state import reads_of, replaced, resources_of

EXPORT = "/api/v1/items/export"


@asynccontextmanager
async def unread_export(port: int, token: str) -> AsyncIterator[Connection]:
    """An export whose client has read the head of the response and nothing else."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.connect(("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=made, limit=1024)
    request = f"GET {EXPORT} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\n\r\n"
    writer.write(request.encode())
    assert (await reader.readline()).split()[1] == b"200"
    try:
        yield Connection(reader, writer)
    finally:
        writer.transport.abort()


async def has_slots_in_use(app: FastAPI, count: int) -> bool:
    share = reads_of(app).pool.exports
    return bool(resources_of(app)[ItemResources].exports.in_use == count == share.in_use)


class TestExportSlots:
    async def test_export_beyond_the_users_slots_is_429_until_one_ends(
        self, running: Running, many_items: None, user: User
    ) -> None:
        async with running(exports_per_user=1) as app, serving(app) as port:
            token = await access_token(app, user)
            headers = {"Authorization": f"Bearer {token}"}
            async with AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:
                async with unread_export(port, token):
                    rejected = await client.get(EXPORT)
                await eventually(lambda: has_slots_in_use(app, 0))
                granted = await client.head(EXPORT)

        assert (rejected.status_code, rejected.json()["code"]) == (429, "too_many_at_once")
        assert rejected.headers["retry-after"] == "5"
        assert granted.status_code == 200

    async def test_export_beyond_the_slots_of_the_process_is_503(
        self, running: Running, many_items: None, user: User, other_user: User
    ) -> None:
        async with running(exports_per_process=1) as app, serving(app) as port:
            other = await access_token(app, other_user)
            token = await access_token(app, user)
            async with (
                unread_export(port, token),
                new_client(app, Authorization=f"Bearer {other}") as client,
            ):
                rejected = await client.get(EXPORT)

        assert (rejected.status_code, rejected.json()["code"]) == (503, "overloaded")
        assert rejected.headers["retry-after"] == "5"

    async def test_two_hundred_unread_exports_open_two_connections(
        self, running: Running, many_items: None, user: User
    ) -> None:
        async with running(exports_per_user=2, exports_per_process=4) as app, serving(app) as port:
            token = await access_token(app, user)
            async with AsyncExitStack() as stack:
                for _ in range(2):
                    await stack.enter_async_context(unread_export(port, token))
                async with new_client(app, Authorization=f"Bearer {token}") as client:
                    responses = [await client.get(EXPORT) for _ in range(198)]
                    assert await has_slots_in_use(app, 2)
                    read = await client.get("/api/v1/items", params={"limit": 1})
            await eventually(lambda: has_slots_in_use(app, 0))

        assert {response.status_code for response in responses} == {429}
        assert read.status_code == 200

    async def test_unread_export_ends_with_the_session_of_its_caller(
        self, running: Running, many_items: None, user: User
    ) -> None:
        async with running() as app, serving(app) as port:
            token = await access_token(app, user)
            async with (
                unread_export(port, token),
                new_client(app, Authorization=f"Bearer {token}") as client,
            ):
                assert await has_slots_in_use(app, 1)
                await client.post("/api/v1/auth/logout")
                # Sooner than a client is disconnected that does not read.
                await eventually(lambda: has_slots_in_use(app, 0), seconds=20)

    async def test_unreachable_database_is_a_problem_and_no_broken_download(
        self, running: Running, user: User
    ) -> None:
        nowhere = "postgresql+asyncpg://app@127.0.0.1:1/nowhere"
        async with running() as app:
            token = await access_token(app, user)
            async with new_client(app, Authorization=f"Bearer {token}") as client:
                await client.get("/api/v1/items")
                async with running(database_url=nowhere) as away:
                    with replaced(app, DatabaseResources, reads=reads_of(away)):
                        response = await client.get(EXPORT)

        assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")


class TestConcurrencyLimiter:
    def test_removes_users_without_slots(self) -> None:
        limiter = ConcurrencyLimiter("exports", per_user=1, per_process=1)
        for _ in range(3):
            with limiter.slot(uuid7()):
                assert limiter.in_use == 1

        assert limiter.in_use == 0

    def test_limit_of_the_user_applies_before_that_of_the_process(self) -> None:
        limiter, user_id = ConcurrencyLimiter("exports", per_user=1, per_process=1), uuid7()
        with limiter.slot(user_id):
            with pytest.raises(TooManyAtOnce), limiter.slot(user_id):
                pass
            with pytest.raises(Overloaded), limiter.slot(uuid7()):
                pass
