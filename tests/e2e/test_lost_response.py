"""kill -9 between commit and response: the retry gets the first response."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from app.config.settings import Settings
from app.features.idempotency.models import IdempotencyKey
from app.features.items.models import Item
from app.features.users.models.user import User
from benchmarks.harness.servers import connected
from tests.conftest import SECRET, access_token
from tests.e2e.service import free_port
from tests.polling import eventually
from tests.state import resources_of, units_of_work

PATIENCE_SECONDS = 120
REQUEST = (
    b"POST /api/v1/items HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %b\r\n"
    b"Idempotency-Key: the-key\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b"
)
BODY = b'{"name":"Walnut desk","price":"899.00"}'


@asynccontextmanager
async def service(app: FastAPI, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """The service as a process of its own, on the database of the test."""
    environment = {
        **os.environ,
        "ENVIRONMENT": "test",
        "DATABASE_URL": resources_of(app)[Settings].database_url,
        "SECRET_KEY": SECRET,
        "PUBLIC_URL": resources_of(app)[Settings].public_url,  # The issuer of the token.
        "PORT": str(port),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "app.commands.cli",
        "run",
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        await until_alive(port)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until_alive(port: int) -> None:
    async def is_alive() -> bool:
        try:
            return (await client.get(f"http://127.0.0.1:{port}/liveness")).is_success
        except httpx2.TransportError:
            return False

    async with httpx2.AsyncClient() as client:
        await eventually(is_alive, PATIENCE_SECONDS)


async def until_committed(app: FastAPI) -> None:
    async def is_committed() -> bool:
        async with units_of_work(app).begin() as uow:
            return bool(await uow.session.scalar(select(IdempotencyKey.id)))

    await eventually(is_committed, PATIENCE_SECONDS)


@pytest.mark.timeout(300)  # Two processes start, perhaps on a busy machine.
class TestLostResponse:
    async def test_repeated_request_gets_the_first_response(self, app: FastAPI, user: User) -> None:
        token, port = await access_token(app, user), free_port()
        async with service(app, port) as first, connected(port) as client:
            await client.send(REQUEST % (token.encode(), len(BODY), BODY))
            await until_committed(app)
            first.kill()

        async with service(app, port), httpx2.AsyncClient() as again:
            response = await again.post(
                f"http://127.0.0.1:{port}/api/v1/items",
                content=BODY,
                headers={
                    "Authorization": f"Bearer {token}",
                    "Idempotency-Key": "the-key",
                    "Content-Type": "application/json",
                },
            )

        assert response.status_code == 201
        assert response.headers["idempotency-replayed"] == "true"
        async with units_of_work(app).begin() as uow:
            (item,) = await uow.session.scalars(select(Item))
        assert response.json()["id"] == str(item.id)
