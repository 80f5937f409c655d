"""Event streams over two worker processes: clients of both receive the events of each."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import httpx2
import pytest

from benchmarks.harness.event_source import CUT_LISTENERS, EventSource, listening
from tests.conftest import copy_template, plain, with_database
from tests.e2e.conftest import SECRET
from tests.e2e.service import Service, running_service
from tests.e2e.test_identity import EndUser, create_admin
from tests.polling import eventually, wait_until

CLIENTS = 100
LOSS_SECONDS = 2.0
CUTS = 3
GONE_SECONDS = 15


@pytest.fixture
def end_user(service: Service) -> EndUser:
    end_user = EndUser(service)
    end_user.register()
    end_user.confirm_email()
    return end_user.sign_in()


@asynccontextmanager
async def followers(service: Service, token: str) -> AsyncIterator[list[EventSource]]:
    """A stream at each of the workers."""
    async with AsyncExitStack() as stack:
        sources = []
        for worker in service.workers():
            with service.only(worker):
                sources.append(await stack.enter_async_context(listening(service.url, token)))
        yield sources


async def create(service: Service, token: str, count: int) -> list[str]:
    """Create items at any worker; return their ids."""
    created = []
    for number in range(count):
        # A connection each, so that both workers have a part.
        async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
            response = await client.post(
                f"{service.url}/api/v1/items",
                json={"name": f"Desk {number}", "price": "1.00"},
                headers={"Authorization": f"Bearer {token}"},
            )
        assert response.status_code == 201, response.text
        created.append(response.json()["id"])
    return created


def received(source: EventSource) -> list[str]:
    return [frame.data["data"]["id"] for frame in source.events]


async def test_clients_of_both_workers_receive_every_event_once(
    service: Service, end_user: EndUser
) -> None:
    async with followers(service, end_user.access_token) as sources:
        created = await create(service, end_user.access_token, 30)
        for source in sources:
            await source.until_received(len(created))

        assert [received(source) for source in sources] == [created] * len(sources)


async def test_lost_notifications_cause_neither_gap_nor_repetition(
    service: Service, end_user: EndUser
) -> None:
    async with followers(service, end_user.access_token) as sources:
        cutting = asyncio.create_task(cut_listeners(service))
        created = []
        while not cutting.done():
            created += await create(service, end_user.access_token, 5)
        await cutting
        for source in sources:
            await source.until_received(len(created))

        assert [received(source) for source in sources] == [created] * len(sources)


async def cut_listeners(service: Service) -> None:
    """End every connection that listens, as soon as it is back, for a while, and some of them."""
    connection = await asyncpg.connect(plain(service.environment["DATABASE_URL"]))
    ends, count = time.monotonic() + LOSS_SECONDS, 0

    async def has_cut_enough() -> bool:
        nonlocal count
        count += await connection.fetchval(CUT_LISTENERS)
        return time.monotonic() > ends and count >= CUTS

    await eventually(has_cut_enough, 60)
    await connection.close()


@pytest.fixture
def short_lived_service(server_url: str, worker_id: str, tmp_path: Path) -> Iterator[Service]:
    name = f"e2e_events_{worker_id}"
    asyncio.run(copy_template(server_url, name))
    environment = {
        "ENVIRONMENT": "production",
        "SECRET_KEY": SECRET,
        "DATABASE_URL": with_database(server_url, name),
        "LOG_LEVEL": "error",
        "EVENT_STREAMS_PER_USER": str(2 * CLIENTS),
    }
    with running_service(tmp_path, environment, workers=2) as service:
        yield service


def is_there(worker: int) -> bool:
    return Path(f"/proc/{worker}").exists()


async def test_service_closes_streams_and_exits_on_sigterm(
    short_lived_service: Service,
) -> None:
    service = short_lived_service
    token = create_admin(service).sign_in().access_token
    workers = service.workers()
    async with AsyncExitStack() as stack:
        sources = [
            await stack.enter_async_context(listening(service.url, token)) for _ in range(CLIENTS)
        ]
        started = time.monotonic()
        service.process.terminate()
        farewells = await asyncio.gather(*(source.end() for source in sources))
        await asyncio.to_thread(wait_until, lambda: service.process.poll() is not None)

    assert time.monotonic() - started < GONE_SECONDS
    assert {farewell.comment for farewell in farewells} == {"shutting down"}
    assert all(farewell.retry for farewell in farewells)
    assert not any(map(is_there, workers))
