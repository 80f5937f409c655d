"""Behind a real PgBouncer in transaction mode, with fewer connections than clients."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, suppress
from itertools import chain
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import text

from app.config.settings import ConfigError, Settings, load_settings
from app.features.users.models.user import User
from app.security.resources import SecurityResources
from benchmarks.harness.pgbouncer import pgbouncer, program
from benchmarks.tools import MissingTool
from tests.conftest import Running, access_token, execute, new_client, plain
from tests.factories import item_body
from tests.polling import eventually
from tests.state import resources_of, units_of_work

ITEMS = "/api/v1/items"
# As many at once as are taken on however busy the machine is.
CLIENTS_EACH, ROUNDS = 4, 5


@pytest.fixture(scope="module")
def bouncer_url(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    # As docs/scaling.md advises, since PgBouncer rejects to take them from the client.
    role = f'ALTER ROLE app IN DATABASE "{database_url.rpartition("/")[2]}"'
    asyncio.run(execute(database_url, f"{role} SET lock_timeout = '1234ms'"))
    try:
        program()
    except MissingTool as missing:
        pytest.skip(str(missing))
    with pgbouncer(tmp_path_factory.mktemp("pgbouncer"), database_url, pool_size=2) as url:
        yield url
    asyncio.run(execute(database_url, f"{role} RESET lock_timeout"))


@pytest.fixture
async def services(
    app: FastAPI, running: Running, settings: Settings, bouncer_url: str
) -> AsyncIterator[list[FastAPI]]:
    """Two processes' worth of pools, whose statements would bear the same names."""
    changes = {
        "database_url": bouncer_url,
        "database_direct_url": settings.database_url,
        "database_pgbouncer": True,
        # A busy machine is no failure here: only a wrong connection is.
        **{f"database_{name}_timeout_seconds": 30 for name in ("pool", "connect", "command")},
    }
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(running(**changes)) for _ in range(2)]


@pytest.fixture
async def clients(services: list[FastAPI], user: User) -> AsyncIterator[list[AsyncClient]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                new_client(each, Authorization=f"Bearer {await access_token(each, user)}")
            )
            for each in services
        ]


async def write_and_read(client: AsyncClient) -> list[int]:
    created = await client.post(ITEMS, json=item_body())
    path = f"{ITEMS}/{created.json().get('id')}"
    responses = [
        created,
        await client.get(path),
        await client.patch(path, json={"name": "Oak desk"}),
        await client.get(ITEMS, params={"limit": 2, "include_total": True}),
    ]
    return [response.status_code for response in responses]


class TestTransactionMode:
    async def test_many_share_few_connections(self, clients: list[AsyncClient]) -> None:
        async def rounds(client: AsyncClient) -> list[tuple[int, ...]]:
            return [tuple(await write_and_read(client)) for _ in range(ROUNDS)]

        found = await asyncio.gather(*map(rounds, clients * CLIENTS_EACH))

        assert Counter(chain.from_iterable(found)) == {
            (201, 200, 200, 200): len(clients) * CLIENTS_EACH * ROUNDS
        }

    async def test_exports_leave_nothing_behind(self, clients: list[AsyncClient]) -> None:
        await write_and_read(clients[0])

        exports = [client.get(f"{ITEMS}/export") for client in clients * 10]

        assert {len((await each).text.splitlines()) for each in exports} == {1}

    async def test_fails_without_the_setting(self, bouncer_url: str) -> None:
        first, second = [await asyncpg.connect(plain(bouncer_url)) for _ in range(2)]

        await first.fetch("SELECT 1")
        # Takes the connection on which the statement of the other was prepared.
        await second.execute("BEGIN")

        with pytest.raises(asyncpg.PostgresError, match="prepared statement"):
            await first.fetch("SELECT 1")
        first.terminate()
        second.terminate()

    async def test_notifications_bypass_pgbouncer(
        self, services: list[FastAPI], user: User
    ) -> None:
        received = resources_of(services[1])[SecurityResources].principals

        async def is_received() -> bool:
            epoch = received.epoch
            session = await access_token(services[0], user)
            async with new_client(services[0], Authorization=f"Bearer {session}") as client:
                await client.post("/api/v1/auth/logout")
            with suppress(TimeoutError):
                await eventually(lambda: received.epoch > epoch, 0.2)
            return bool(received.epoch > epoch)

        await eventually(is_received)

    async def test_timeouts_are_those_of_the_role(self, services: list[FastAPI]) -> None:
        async with units_of_work(services[0]).begin() as uow:
            found = await uow.session.scalar(text("SELECT current_setting('lock_timeout')"))

        assert found == "1234ms"


class TestSettings:
    def test_direct_url_is_needed(self, settings: Settings) -> None:
        with pytest.raises(ConfigError, match="DATABASE_DIRECT_URL"):
            load_settings(_env_file=None, database_pgbouncer=True)

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({"database_url": "postgresql://a/b"}, "postgresql+asyncpg://a/b"),
            (
                {"database_url": "postgresql://a/b", "database_direct_url": "postgresql://c/d"},
                "postgresql+asyncpg://c/d",
            ),
        ],
    )
    def test_sessions_go_direct(self, given: dict[str, Any], expected: str) -> None:
        assert Settings(_env_file=None, **given).session_url == expected
