"""Reads from a real streaming replica: routing, fallback and read-your-writes."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app.config.settings import Settings
from app.db.engine import connect
from app.db.errors import DatabaseUnavailable
from app.features import FEATURES
from app.features.replica.lifespan import ReplicaResources
from app.features.replica.replica import Replica
from app.features.users.models.user import User
from benchmarks.harness.standby import replica_of
from benchmarks.harness.tcp_proxy import Proxy, proxied
from tests.conftest import Running, Save, access_token, execute, new_client, plain, with_database
from tests.factories import item_body, make_item
from tests.polling import eventually
from tests.state import resources_of, units_of_work

PATIENCE_SECONDS = 20  # Less than the timeouts of the suite.
HEALTH_TIMEOUT_SECONDS = 5  # So long does it wait for a replica that is not level.

ITEMS = "/api/v1/items"


@pytest.fixture(scope="module")
def replica_url(
    database_url: str, postgres_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    # The server of the tests acknowledges before it writes its log, and then it is unknown
    # what the replica should have.
    name = database_url.rpartition("/")[2]
    asyncio.run(execute(database_url, f'ALTER DATABASE "{name}" SET synchronous_commit = on'))
    folder = tmp_path_factory.mktemp("standby")
    with replica_of(postgres_folder / "postgres", folder, durable=False) as standby:
        yield with_database(standby.url, name)
    asyncio.run(execute(database_url, f'ALTER DATABASE "{name}" RESET synchronous_commit'))


class Paused:
    """The replica as it was at this moment, until it is left."""

    def __init__(self, url: str) -> None:
        self._url = plain(url)

    async def __aenter__(self) -> None:
        await self._ask("SELECT pg_wal_replay_pause()")
        await eventually(self._is_paused)

    async def __aexit__(self, *_: object) -> None:
        await self._ask("SELECT pg_wal_replay_resume()")

    async def _is_paused(self) -> bool:
        return bool(await self._ask("SELECT pg_get_wal_replay_pause_state()") == "paused")

    async def _ask(self, statement: str) -> Any:
        connection = await asyncpg.connect(self._url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()


@pytest.fixture
async def proxy(replica_url: str) -> AsyncIterator[Proxy]:
    async with proxied(replica_url) as proxy:
        yield proxy


@pytest.fixture
async def service(app: FastAPI, running: Running, proxy: Proxy) -> AsyncIterator[FastAPI]:
    """A service with a replica, which is level with the primary."""
    # Its connections may be older than what `replica_url` set for the database.
    await units_of_work(app).pool.close()
    changes = {"database_replica_url": proxy.url, "database_replica_max_lag_seconds": 30}
    async with running(**changes) as service:
        await until_level(service)
        yield service


def own_replica(service: FastAPI) -> Replica:
    replica = resources_of(service)[ReplicaResources].replica
    assert replica is not None
    return replica


async def until_level(service: FastAPI) -> None:
    """Wait until the service has found it level with what was committed before."""
    replica: Replica = own_replica(service)
    writer = uuid.uuid4()
    replica.record_write(writer)
    await eventually(lambda: replica.serves(writer))


async def signed_in(service: FastAPI, user: User) -> AsyncClient:
    return new_client(service, Authorization=f"Bearer {await access_token(service, user)}")


@pytest.fixture
async def client(service: FastAPI, user: User) -> AsyncIterator[AsyncClient]:
    async with await signed_in(service, user) as client:
        yield client


@pytest.fixture
async def other_client(service: FastAPI, other_user: User) -> AsyncIterator[AsyncClient]:
    async with await signed_in(service, other_user) as client:
        yield client


async def create_item(client: AsyncClient) -> str:
    response = await client.post(ITEMS, json=item_body())
    assert response.status_code == 201, response.text
    return f"{ITEMS}/{response.json()['id']}"


# By the feature that each belongs to.
PATHS = {"items": ITEMS, "posts": "/api/v1/posts", "users": "/api/v1/users/me/items"}
READS = [path for feature, path in PATHS.items() if feature in FEATURES]
PRIMARY_PATHS = {
    "categories": "/api/v1/categories/tree",
    "users": "/api/v1/users/me",
    "auth": "/api/v1/auth/sessions",
    "api_keys": "/api/v1/auth/api-keys",
}
PRIMARY_READS = [path for feature, path in PRIMARY_PATHS.items() if feature in FEATURES]


class TestReads:
    @pytest.mark.parametrize("path", READS)
    async def test_content_reads_use_the_replica(
        self, service: FastAPI, client: AsyncClient, path: str
    ) -> None:
        # Under load the replica may miss its deadline, and the primary serves the read.
        await eventually(lambda: is_read_from_replica(service, client, path))

    @pytest.mark.parametrize("path", PRIMARY_READS)
    async def test_authorization_reads_use_the_primary(
        self, service: FastAPI, client: AsyncClient, path: str
    ) -> None:
        await eventually(lambda: is_read_from_replica(service, client, ITEMS))

        assert not await is_read_from_replica(service, client, path)

    async def test_export_uses_the_replica(
        self, service: FastAPI, client: AsyncClient, replica_url: str, save: Save, user: User
    ) -> None:
        await save(make_item(user))
        await until_level(service)

        async with Paused(replica_url):
            await save(make_item(user))
            response = await client.get(f"{ITEMS}/export")

        assert len(response.text.splitlines()) == 1


async def is_read_from_replica(service: FastAPI, client: AsyncClient, path: str) -> bool:
    before = own_replica(service).reads.statements
    response = await client.get(path)
    assert response.status_code == 200
    return bool(own_replica(service).reads.statements == before + 1)


class TestReadYourWrites:
    async def test_writer_sees_a_write_at_once_and_others_later(
        self, client: AsyncClient, other_client: AsyncClient, replica_url: str
    ) -> None:
        async with Paused(replica_url):
            item = await create_item(client)

            assert (await client.get(item)).status_code == 200
            assert (await other_client.get(item)).status_code == 404

    async def test_writer_uses_the_replica_after_it_has_caught_up(
        self, service: FastAPI, client: AsyncClient
    ) -> None:
        item = await create_item(client)
        await until_level(service)

        await eventually(lambda: is_read_from_replica(service, client, item))

    async def test_rejected_writer_reads_from_the_primary(
        self, service: FastAPI, client: AsyncClient, admin: User, replica_url: str
    ) -> None:
        item = await create_item(client)
        await until_level(service)
        async with Paused(replica_url), await signed_in(service, admin) as administrator:
            await administrator.patch(item, json={"name": "Oak desk"})
            rejected = await client.patch(item, json={"name": "X"}, headers={"If-Match": '"1"'})

            seen = await client.get(item)

        assert rejected.status_code == 412
        assert seen.json()["name"] == "Oak desk"

    async def test_other_processes_know_the_writer(
        self,
        service: FastAPI,
        client: AsyncClient,
        running: Running,
        replica_url: str,
        user: User,
    ) -> None:
        changes = {"database_replica_url": replica_url, "database_replica_max_lag_seconds": 30}
        async with running(**changes) as second, await signed_in(second, user) as elsewhere:
            await until_received(service, second)
            await until_level(second)
            async with Paused(replica_url):
                for _ in range(20):
                    item = await create_item(client)

                    assert (await elsewhere.get(item)).status_code == 200


async def until_received(service: FastAPI, elsewhere: FastAPI) -> None:
    writer, replica = uuid.uuid4(), own_replica(elsewhere)

    async def is_received() -> bool:
        await own_replica(service).publish_write(writer)
        return replica.is_usable and not replica.serves(writer)

    await eventually(is_received)


class TestSeveralHosts:
    """`host1,host2`: the service finds the primary, even if the other host is down."""

    @pytest.mark.parametrize("mode", ["pass", "refuse", "hang"])
    async def test_primary_is_found(self, settings: Settings, proxy: Proxy, mode: Any) -> None:
        proxy.switch(mode)
        url = several(proxy.url, settings.database_url)

        soon = {"database_connect_timeout_seconds": 2 if mode == "hang" else 30}
        own = settings.model_copy(update=soon)

        connection = await connect(own, f"{url}?target_session_attrs=read-write")

        assert await connection.fetchval("SELECT pg_is_in_recovery()") is False
        await connection.close()

    async def test_hosts_without_a_primary_are_unavailable(
        self, settings: Settings, proxy: Proxy
    ) -> None:
        with pytest.raises(DatabaseUnavailable):
            await connect(settings, f"{proxy.url}?target_session_attrs=read-write")

    async def test_write_on_a_replica_is_unavailable(
        self, app: FastAPI, running: Running, replica_url: str, user: User
    ) -> None:
        async with running(database_url=replica_url) as service:
            with pytest.raises(DatabaseUnavailable):
                async with units_of_work(service).begin() as uow:
                    uow.session.add(make_item(user))


def several(first: str, second: str) -> str:
    one, other = urlsplit(first), urlsplit(second)
    return one._replace(netloc=f"{one.netloc},{other.netloc.rpartition('@')[2]}").geturl()


class TestFallback:
    @pytest.mark.parametrize("mode", ["refuse", "hang"])
    async def test_primary_serves_reads_when_the_replica_fails(
        self, service: FastAPI, client: AsyncClient, proxy: Proxy, mode: Any
    ) -> None:
        await client.get(ITEMS)
        proxy.switch(mode)

        async with asyncio.timeout(PATIENCE_SECONDS):
            response = await client.get(ITEMS)

        assert response.status_code == 200

    async def test_lagging_replica_is_not_used(
        self, app: FastAPI, running: Running, replica_url: str, user: User, other_user: User
    ) -> None:
        changes = {
            "database_replica_url": replica_url,
            "database_replica_max_lag_seconds": 0.6,
            "health_timeout_seconds": HEALTH_TIMEOUT_SECONDS,
        }
        async with (
            running(**changes) as service,
            await signed_in(service, user) as writer,
            await signed_in(service, other_user) as reader,
        ):
            await until_level(service)
            async with Paused(replica_url):
                item = await create_item(writer)
                await eventually(lambda: is_found(reader, item))

                health = (await reader.get("/health")).json()
            await eventually(lambda: is_served(service))

        assert health["status"] == "degraded"
        assert health["dependencies"]["database"]["status"] == "ok"
        assert health["dependencies"]["replica"]["status"] == "down"

    async def test_recovered_replica_is_used_again(
        self, service: FastAPI, client: AsyncClient, proxy: Proxy
    ) -> None:
        proxy.switch("refuse")
        own_replica(service).mark_unhealthy()
        before = own_replica(service).reads.statements
        await client.get(ITEMS)
        assert own_replica(service).reads.statements == before

        proxy.switch("pass")
        await eventually(lambda: is_read_from_replica(service, client, ITEMS))

        assert (await client.get("/health")).json()["status"] == "ok"

    async def test_server_that_is_not_a_replica_is_not_used(
        self, app: FastAPI, running: Running, settings: Settings, user: User
    ) -> None:
        async with (
            running(
                database_replica_url=settings.database_url,
                health_timeout_seconds=HEALTH_TIMEOUT_SECONDS,
            ) as service,
            await signed_in(service, user) as client,
        ):
            assert (await client.get(ITEMS)).status_code == 200
            assert (await client.get("/health")).json()["status"] == "degraded"
            assert own_replica(service).reads.statements == 0


async def is_found(client: AsyncClient, path: str) -> bool:
    return (await client.get(path)).status_code == 200


async def is_served(service: FastAPI) -> bool:
    replica: Replica = own_replica(service)
    return replica.is_usable
