"""The event stream over a real socket: an in-process client cannot read single events."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial

import asyncpg
import pytest
from fastapi import FastAPI
from fastapi.sse import _PING_INTERVAL
from httpx2 import AsyncClient

from app.db.pool import RESERVED
from app.features.auth.resources import AuthResources
from app.features.events.lifespan import EventResources
from app.features.events.models.event import RETENTION, Position, event_id
from app.features.users.crud import sessions
from app.features.users.models.user import User
from app.runtime.clock import now
from benchmarks.harness.event_source import PATH, EventSource, listening
from benchmarks.harness.servers import serving
from tests.conftest import As, Database, Running, Save, access_token, new_client, plain
from tests.factories import item_body, make_item, make_task
from tests.polling import eventually, sample
from tests.problems import assert_problem, broken
from tests.scopes import SCOPES
from tests.sockets import handshake
from tests.state import resources_of, units_of_work

ITEMS = "/api/v1/items"
TICKETS = "/api/v1/auth/ws-ticket"
CLIENTS = 100
EXPIRY_SECONDS = 5


@pytest.fixture
async def address(app: FastAPI) -> AsyncIterator[str]:
    async with serving(app) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def token(app: FastAPI, user: User) -> str:
    return await access_token(app, user)


async def create(app: FastAPI, user: User, *names: str) -> None:
    for name in names:
        async with units_of_work(app).begin() as uow:
            uow.session.add(make_item(user, name=name))


def names(source: EventSource) -> list[str]:
    return [frame.data["data"]["name"] for frame in source.events]


class TestStreamEvents:
    async def test_needs_a_credential(self, client: AsyncClient) -> None:
        assert_problem(await client.get(PATH), 401, "unauthenticated")

    async def test_event_stream_is_neither_cached_nor_buffered(
        self, address: str, token: str
    ) -> None:
        async with listening(address, token) as source:
            headers = source.response.headers

        assert headers["Content-Type"].startswith("text/event-stream")
        assert headers["Cache-Control"] == "no-cache"
        assert headers["X-Accel-Buffering"] == "no"
        assert "Content-Encoding" not in headers

    async def test_event_data_matches_the_api(
        self, address: str, token: str, as_user: As, user: User
    ) -> None:
        client = await as_user(user)
        async with listening(address, token) as source:
            item = (await client.post(ITEMS, json=item_body(price="899.10"))).json()
            (frame,) = await source.until_received(1)

        assert frame.event == frame.data["type"] == "item.created"
        assert frame.id == frame.data["id"]
        assert frame.data["data"] == item
        assert frame.data["timestamp"] == item["created_at"]

    async def test_events_are_filtered_by_scope(
        self, app: FastAPI, address: str, user: User, save: Save, database: Database
    ) -> None:
        readers = {
            scope: await access_token(app, user, (scope,)) for scope in ("items:read", "users:read")
        }
        everything = await access_token(app, user)
        async with AsyncExitStack() as stack:
            open_stream = stack.enter_async_context
            sources = {
                scope: await open_stream(listening(address, reader))
                for scope, reader in readers.items()
            }
            all_of_it = await open_stream(listening(address, everything))
            await create(app, user, "an item")
            await save(make_task(user))
            await database("UPDATE tasks SET status = 'running'")
            for source in (all_of_it, *sources.values()):
                await source.until(lambda each: "task.updated" in [f.event for f in each.events])

        received = {scope: [f.event for f in source.events] for scope, source in sources.items()}
        assert received == {
            "items:read": ["item.created", "task.updated"],
            "users:read": ["task.updated"],
        }

    async def test_sends_heartbeats_while_idle(
        self, address: str, token: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert _PING_INTERVAL == 15
        monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.05)
        async with listening(address, token) as source:
            await source.until(lambda source: len(source.frames) >= 4)

        assert {frame.comment for frame in source.frames[1:]} == {"ping"}

    async def test_head_is_answered_and_ends(self, address: str, token: str) -> None:
        async with AsyncClient(base_url=address, trust_env=False) as client:
            response = await client.head(PATH, headers={"Authorization": f"Bearer {token}"})

        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith("text/event-stream")


class TestResuming:
    @pytest.mark.parametrize("way", ["header", "query"])
    async def test_resuming_misses_and_repeats_nothing(
        self, app: FastAPI, address: str, token: str, user: User, way: str
    ) -> None:
        async with listening(address, token) as source:
            await create(app, user, "1", "2")
            await source.until_received(2)
            resume = source.last_id
        await create(app, user, "3", "4")

        # A new EventSource has no header to send.
        asked = {"resume_at": resume} if way == "header" else {"last_event_id": resume}
        async with listening(address, token, **asked) as source:
            await create(app, user, "5")
            await source.until_received(3)
        assert names(source) == ["3", "4", "5"]

    async def test_resuming_works_before_the_first_event(
        self, app: FastAPI, address: str, token: str, user: User
    ) -> None:
        async with listening(address, token) as source:
            resume = source.last_id
        await create(app, user, "meanwhile")

        async with listening(address, token, resume_at=resume) as source:
            await source.until_received(1)
        assert names(source) == ["meanwhile"]

    @pytest.mark.parametrize("given", ["x", "1-2", "1-2-3-4", "0", "%00"])
    async def test_malformed_id_is_rejected(self, as_user: As, user: User, given: str) -> None:
        response = await (await as_user(user)).get(PATH, headers={"Last-Event-ID": given})

        body = assert_problem(response, 422, "validation_failed")
        assert body["errors"][0]["pointer"] == "/header/Last-Event-ID"

    @pytest.mark.parametrize("given", ["1-2", "9" * 61])
    async def test_rejection_names_the_parameter_of_the_id(
        self, as_user: As, user: User, given: str
    ) -> None:
        client = await as_user(user)

        by_header = await client.get(PATH, headers={"Last-Event-ID": given})
        by_query = await client.get(PATH, params={"last_event_id": given})

        assert list(broken(by_header)) == ["/header/Last-Event-ID"]
        assert list(broken(by_query)) == ["/query/last_event_id"]

    @pytest.mark.parametrize(
        ("position", "age"), [(Position(1, 1), RETENTION), (Position(10**17, 1), RETENTION / 2)]
    )
    async def test_gap_is_reported(
        self, as_user: As, user: User, position: Position, age: object
    ) -> None:
        given = event_id(position, now() - age)  # type: ignore[operator]
        response = await (await as_user(user)).get(PATH, headers={"Last-Event-ID": given})

        assert_problem(response, 410, "events_expired")


class TestCredentials:
    async def test_ticket_opens_one_stream(
        self, address: str, as_user: As, user: User, app: FastAPI, client: AsyncClient
    ) -> None:
        ticket = (await (await as_user(user)).post(TICKETS)).json()["ticket"]
        async with listening(address, ticket=ticket) as source:
            await create(app, user, "first")
            await source.until_received(1)

        async with new_client(app) as anonymous:
            again = await anonymous.get(PATH, params={"ticket": ticket})
        assert_problem(again, 401, "invalid_ticket")

    async def test_token_in_the_url_is_rejected(self, client: AsyncClient, token: str) -> None:
        response = await client.get(PATH, params={"access_token": token})

        assert_problem(response, 401, "unauthenticated")


class TestEnd:
    @pytest.mark.parametrize("how", ["logout", "disabled", "role", "expiry"])
    async def test_stream_ends_with_its_credential(
        self, app: FastAPI, address: str, user: User, as_user: As, admin: User, how: str
    ) -> None:
        token = await access_token(app, user)
        if how == "expiry":
            token = await short_lived(app, user, seconds=EXPIRY_SECONDS)
        administrator = await as_user(admin)
        async with listening(address, token) as source:
            match how:
                case "logout":
                    headers = {"Authorization": f"Bearer {token}"}
                    await administrator.post("/api/v1/auth/logout", headers=headers)
                case "disabled":
                    body: dict[str, object] = {"is_active": False}
                    await administrator.patch(f"/api/v1/users/{user.id}", json=body)
                case "role":
                    body = {"role": "guest"}
                    await administrator.patch(f"/api/v1/users/{user.id}", json=body)
            farewell = await source.end()

        assert farewell.comment == ("expired" if how == "expiry" else "revoked")
        assert farewell.retry

    async def test_stream_ends_at_shutdown(
        self, address: str, token: str, running: Running, user: User
    ) -> None:
        async with running() as app, serving(app) as port, AsyncExitStack() as stack:
            own = f"http://127.0.0.1:{port}"
            sources = [
                await stack.enter_async_context(listening(own, token)) for _ in range(CLIENTS)
            ]
            resources_of(app)[EventResources].feed.drain()
            farewells = await asyncio.gather(*(source.end() for source in sources))

        assert {farewell.comment for farewell in farewells} == {"shutting down"}
        # Spread, so that they do not all come back at once.
        assert len({farewell.retry for farewell in farewells}) > CLIENTS / 2


async def short_lived(app: FastAPI, user: User, *, seconds: int) -> str:
    async with units_of_work(app).begin() as uow:
        row = await sessions.create(
            uow, user.id, scopes=list(SCOPES), user_agent="", address="127.0.0.1"
        )
    signer = resources_of(app)[AuthResources].token_signer
    token: str = signer.issue(
        subject=user.id,
        session_id=row.id,
        scopes={"items:read"},
        issued_at=int(time.time()) - signer.lifetime_seconds + seconds,
    )
    return token


class TestCost:
    async def test_idle_streams_hold_no_database_connection(
        self, running: Running, token: str, user: User, database_url: str
    ) -> None:
        pools = {"project_name": "many", "database_pool_size": 2}
        async with (
            running(**pools) as app,
            serving(app) as port,
            AsyncExitStack() as stack,
            watched_connections(database_url) as counts,
        ):
            # Tokens name the project; this is about its connections.
            own, issuer = (
                f"http://127.0.0.1:{port}",
                resources_of(app)[AuthResources].token_signer,
            )
            row = await short_lived(app, user, seconds=issuer.lifetime_seconds)
            sources = [await stack.enter_async_context(listening(own, row)) for _ in range(CLIENTS)]
            for number in range(20):
                await create(app, user, str(number))
            for source in sources:
                await source.until_received(20)

        assert all(names(source) == [str(n) for n in range(20)] for source in sources)
        # Requests, the reserve, the listener.
        assert max(total for total, _ in counts) <= 2 + RESERVED + 1
        # One that writes, and one that renews the leases of all streams.
        assert not [idle for _, idle in counts if idle > 2], "held between two statements"

    async def test_disconnected_client_leaves_nothing_behind(
        self, app: FastAPI, address: str, token: str
    ) -> None:
        await come_and_go(address, token, 20)
        await settled(app)
        before = len(asyncio.all_tasks())
        await come_and_go(address, token, 100)
        await settled(app)

        await eventually(lambda: len(asyncio.all_tasks()) <= before)


async def come_and_go(address: str, token: str, times: int) -> None:
    for _ in range(times):
        async with listening(address, token):
            pass


async def settled(app: FastAPI) -> None:
    await eventually(lambda: resources_of(app)[EventResources].feed.subscribers == 0)


class watched_connections:  # noqa: N801  (reads like a function)
    """Counts the connections of the application `many`, and those idle in a transaction."""

    COUNT = """
        SELECT count(*) AS total,
            count(*) FILTER (WHERE state = 'idle in transaction'
                AND now() - state_change > interval '50 milliseconds') AS idle
        FROM pg_stat_activity WHERE application_name = 'many'
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.counts: list[tuple[int, int]] = []

    async def __aenter__(self) -> list[tuple[int, int]]:
        self.connection = await asyncpg.connect(plain(self.url))
        self.task = asyncio.create_task(sample(self.watch))
        return self.counts

    async def watch(self) -> None:
        (row,) = await self.connection.fetch(self.COUNT)
        self.counts.append((row["total"], row["idle"]))

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])
        await self.connection.close()


class TestBounds:
    @pytest.fixture
    async def listener(self, app: FastAPI, user: User) -> str:
        return await access_token(app, user)

    async def test_streams_of_one_user_are_counted_over_all_processes(
        self, running: Running, database: Database, listener: str
    ) -> None:
        few = {"event_streams_per_user": 2}
        async with (
            running(**few) as one,
            running(**few) as other,
            serving(one) as port,
            serving(other) as other_port,
            listening(f"http://127.0.0.1:{port}", listener),
            new_client(one, Authorization=f"Bearer {listener}") as client,
        ):
            async with listening(f"http://127.0.0.1:{other_port}", listener):
                rejected = await client.get(PATH)
            await eventually(partial(has_leases, database, 1))
            async with listening(f"http://127.0.0.1:{port}", listener):
                pass

        assert_problem(rejected, 429, "too_many_streams")
        assert rejected.headers["retry-after"] == "10"

    async def test_streams_do_not_count_as_websockets(
        self, running: Running, listener: str
    ) -> None:
        async with (
            running(event_streams_per_user=1, sockets_per_user=1) as app,
            serving(app) as port,
            listening(f"http://127.0.0.1:{port}", listener),
        ):
            status, *_ = await handshake(
                port, "/api/v1/ws/lobby", {"Authorization": f"Bearer {listener}"}
            )

        assert status == 101

    async def test_streams_beyond_those_of_the_process_are_503(
        self, running: Running, listener: str
    ) -> None:
        async with (
            running(streams_per_process=1) as app,
            serving(app) as port,
            listening(f"http://127.0.0.1:{port}", listener),
            new_client(app, Authorization=f"Bearer {listener}") as client,
        ):
            rejected = await client.get(PATH)
            status, *_ = await handshake(
                port, "/api/v1/ws/lobby", {"Authorization": f"Bearer {listener}"}
            )

        assert_problem(rejected, 503, "overloaded")
        assert status == 503

    async def test_resuming_before_too_many_events_is_expired(
        self, running: Running, user: User, save: Save, listener: str
    ) -> None:
        async with running(event_replay_max=2) as app, serving(app) as port:
            address = f"http://127.0.0.1:{port}"
            async with listening(address, listener) as source:
                start = source.last_id
            for number in range(3):
                await save(make_item(user, name=f"item {number}"))
            async with new_client(app, Authorization=f"Bearer {listener}") as client:
                rejected = await client.get(PATH, headers={"Last-Event-ID": start})

        assert_problem(rejected, 410, "events_expired")
        assert "More than 2 events" in rejected.json()["detail"]


async def leases(database: Database) -> int:
    return len(await database("SELECT 1 FROM sockets WHERE kind = 'events'"))


async def has_leases(database: Database, at_most: int) -> bool:
    return await leases(database) <= at_most
