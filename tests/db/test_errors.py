"""Faults of a real PostgreSQL, each translated to its error."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import Integer, func, literal, select, text

from app.config.settings import Settings
from app.db.engine import create_pool
from app.db.errors import (
    ConcurrentUpdate,
    ConstraintViolation,
    DatabaseUnavailable,
    ForeignKeyViolation,
    LockTimeout,
    StatementTimeout,
    UniqueViolation,
    database_errors,
)
from app.db.executor import CompiledStatement, PoolReader
from app.db.pool import Pool
from app.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from app.errors import AppError, DeadlineExceeded, Unavailable
from app.features.items.models import Item
from app.features.users.models.user import User
from benchmarks.harness.tcp_proxy import Proxy, proxied
from tests.cleaner import APPLICATION_NAME
from tests.conftest import Running, Save, access_token, execute, new_client, plain
from tests.factories import item_body, make_item, make_user
from tests.polling import eventually
from tests.problems import assert_problem
from tests.state import units_of_work

CLOSED = "postgresql+asyncpg://app@127.0.0.1:1/nowhere"
QUICK: dict[str, Any] = {
    f"database_{name}_timeout_seconds": 1 for name in ("pool", "connect", "command")
}
# Less than the timeouts of the suite, and than `SLEEP`: within it, a timeout of QUICK expired.
PATIENCE_SECONDS = 25.0
ONE = CompiledStatement(select(literal(1).label("one")))
PID = CompiledStatement(select(func.pg_backend_pid().label("pid")))
SLEEP = CompiledStatement(select(func.pg_sleep(30)))
RELATIVES = CompiledStatement(select(func.sqrt(-1)))


@dataclass
class Database:
    """All ways to PostgreSQL."""

    pool: Pool
    units_of_work: UnitOfWorkFactory
    reads: PoolReader

    async def write(self, sql: str = "SELECT 1", **values: Any) -> Any:
        async with self.units_of_work.begin() as uow:
            return await uow.session.scalar(text(sql), values)

    async def run(self) -> Any:
        async with self.units_of_work.begin() as uow:
            (row,) = await uow.execute(ONE)
            return row["one"]

    async def read(self, query: CompiledStatement = ONE) -> Any:
        return await self.reads.scalar(query)


Open = Callable[..., Awaitable[Database]]
Do = Callable[[Database], Awaitable[Any]]

write: Do = Database.write
bypass: Do = Database.run
read: Do = Database.read
ALL_WAYS = pytest.mark.parametrize("do", [write, bypass, read], ids=["write", "bypass", "read"])


@pytest.fixture
async def opened(settings: Settings) -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        async def open_database(**changes: Any) -> Database:
            own = settings.model_copy(update=changes)
            pool = create_pool(own, own.database_url)
            stack.push_async_callback(pool.close)
            return Database(pool, UnitOfWorkFactory(pool), PoolReader(pool))

        yield open_database


@pytest.fixture
async def database(opened: Open) -> Database:
    return await opened()


@pytest.fixture
async def proxy(settings: Settings) -> AsyncIterator[Proxy]:
    async with proxied(settings.database_url) as proxy:
        yield proxy


class TestConstraints:
    async def test_unique(self, app: FastAPI, save: Save) -> None:
        await save(make_user(email="ada@example.com"))

        with pytest.raises(UniqueViolation) as caught:
            await store(app, make_user(email="ADA@example.com"))

        assert caught.value.constraint == "uq_users_email"
        assert caught.value.status == 409

    async def test_foreign_key_of_a_new_row(self, app: FastAPI) -> None:
        with pytest.raises(ForeignKeyViolation) as caught:
            await store(app, Item(name="Desk", price=Decimal(1), owner_id=uuid.uuid4()))

        assert caught.value.constraint == "fk_items_owner_id"
        assert caught.value.status == 409

    async def test_foreign_key_of_a_deleted_row(self, app: FastAPI, save: Save, user: User) -> None:
        await save(make_item(user))

        with pytest.raises(ForeignKeyViolation):
            async with units_of_work(app).begin() as uow:
                await uow.session.delete(await uow.session.get_one(User, user.id))

    @pytest.mark.parametrize(
        "fields",
        [
            {"price": Decimal(-1)},
            {"price": Decimal(1), "tax": Decimal(2)},
            {"price": Decimal(9999), "tax": Decimal(2)},
            {"price": Decimal(1_000_000)},
            {"name": None},
            {"name": "x" * 101},
            {"name": "nul\0"},
        ],
        ids=["check", "two", "three", "overflow", "not null", "too long", "NUL"],
    )
    async def test_value_out_of_bounds(
        self, app: FastAPI, user: User, fields: dict[str, Any]
    ) -> None:
        with pytest.raises(ConstraintViolation) as caught:
            await store(app, make_item(user, **fields))

        assert caught.value.status == 422

    async def test_value_that_the_driver_rejects(self, database: Database) -> None:
        for do in (
            database.read(CompiledStatement(select(literal(2**40, Integer)))),
            rejected_write(database),
        ):
            with pytest.raises(ConstraintViolation):
                await do

        assert await do_nothing(database)

    async def test_failed_read(self, database: Database) -> None:
        with pytest.raises(ConstraintViolation):
            await database.read(RELATIVES)

        assert await database.read() == 1


async def rejected_write(database: Database) -> None:
    async with database.units_of_work.begin() as uow:
        await uow.session.scalar(select(literal(2**40, Integer)))


async def store(app: FastAPI, row: User | Item) -> None:
    async with units_of_work(app).begin() as uow:
        uow.session.add(row)


class TestConcurrency:
    async def test_serialization_failure(self, app: FastAPI, save: Save, user: User) -> None:
        item = await save(make_item(user))

        async def overtaken() -> None:
            async with units_of_work(app).begin() as uow:
                await uow.session.execute(text("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"))
                mine = await uow.session.get_one(Item, item.id)
                await touch(app, item)
                mine.name = "mine"

        with pytest.raises(ConcurrentUpdate):
            await overtaken()

    async def test_deadlock(self, app: FastAPI, save: Save, user: User) -> None:
        one, two = await save(make_item(user)), await save(make_item(user))
        both_hold = asyncio.Barrier(2)

        async def lock(first: Item, second: Item) -> None:
            async with units_of_work(app).begin() as uow:
                await uow.session.execute(text("SET LOCAL deadlock_timeout = '20ms'"))
                await locked(uow, first)
                await both_hold.wait()
                await locked(uow, second)

        outcomes = await asyncio.gather(lock(one, two), lock(two, one), return_exceptions=True)

        assert {type(outcome) for outcome in outcomes} == {type(None), ConcurrentUpdate}

    async def test_lock_timeout(self, app: FastAPI, opened: Open, save: Save, user: User) -> None:
        item = await save(make_item(user))
        database = await opened(database_command_timeout_seconds=1)

        async with units_of_work(app).begin() as holder:
            await locked(holder, item)
            with pytest.raises(LockTimeout) as caught:
                async with database.units_of_work.begin() as uow:
                    await locked(uow, item)

        assert (caught.value.status, caught.value.headers["Retry-After"]) == (503, "1")


async def locked(uow: UnitOfWork, item: Item) -> None:
    await uow.session.execute(select(Item.id).where(Item.id == item.id).with_for_update())


@asynccontextmanager
async def locked_elsewhere(url: str, item: Item) -> AsyncIterator[None]:
    """A lock of a client without the time limits of the service, which a busy machine exceeds."""
    connection = await asyncpg.connect(plain(url))
    try:
        async with connection.transaction():
            await connection.execute("SELECT id FROM items WHERE id = $1 FOR UPDATE", item.id)
            yield
    finally:
        await connection.close()


async def touch(app: FastAPI, item: Item) -> None:
    async with units_of_work(app).begin() as uow:
        (await uow.session.get_one(Item, item.id)).name = "touched"


class TestTimeouts:
    @pytest.mark.parametrize(
        "do",
        [lambda database: database.write("SELECT pg_sleep(30)"), lambda d: d.read(SLEEP)],
        ids=["write", "read"],
    )
    async def test_slow_statement_is_stopped(self, opened: Open, do: Do) -> None:
        database = await opened(database_command_timeout_seconds=1)

        with pytest.raises(StatementTimeout) as caught:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await do(database)

        assert caught.value.status == 504
        assert await do_nothing(database)

    @ALL_WAYS
    async def test_hung_server_times_out(self, opened: Open, proxy: Proxy, do: Do) -> None:
        database = await opened(database_url=proxy.url, **QUICK)
        await do(database)
        proxy.switch("hang")

        with pytest.raises((DeadlineExceeded, Unavailable)):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await do(database)

        proxy.switch("pass")
        assert await do(database) == 1

    @ALL_WAYS
    async def test_server_that_never_responds_times_out(
        self, opened: Open, proxy: Proxy, do: Do
    ) -> None:
        database = await opened(database_url=proxy.url, database_connect_timeout_seconds=0.3)
        proxy.switch("hang")

        with pytest.raises((DeadlineExceeded, Unavailable)):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await do(database)


async def do_nothing(database: Database) -> bool:
    return bool(await database.write() == await database.read() == 1)


class TestLostConnections:
    @ALL_WAYS
    async def test_refused_connection(self, opened: Open, do: Do) -> None:
        database = await opened(database_url=CLOSED)

        with pytest.raises(DatabaseUnavailable) as caught:
            await do(database)

        assert (caught.value.status, caught.value.headers["Retry-After"]) == (503, "1")

    @ALL_WAYS
    async def test_connection_closed_at_once(self, opened: Open, proxy: Proxy, do: Do) -> None:
        database = await opened(database_url=proxy.url)
        proxy.switch("refuse")

        with pytest.raises(DatabaseUnavailable):
            await do(database)

        proxy.switch("pass")
        assert await do(database) == 1

    @ALL_WAYS
    async def test_unknown_database(self, opened: Open, settings: Settings, do: Do) -> None:
        database = await opened(database_url=settings.database_url + "_no_more")

        with pytest.raises(DatabaseUnavailable):
            await do(database)

    @ALL_WAYS
    async def test_wrong_password(self, opened: Open, settings: Settings, do: Do) -> None:
        url = settings.database_url.replace(":", ":x", 2).replace(":x", ":", 1)
        database = await opened(database_url=url)

        with pytest.raises(DatabaseUnavailable):
            await do(database)

    @ALL_WAYS
    async def test_too_many_connections(
        self, opened: Open, settings: Settings, crowded: str, do: Do
    ) -> None:
        server = settings.database_url.partition("@")[2]
        database = await opened(database_url=f"postgresql+asyncpg://{crowded}:x@{server}")

        with pytest.raises(DatabaseUnavailable):
            await do(database)

    @pytest.fixture
    async def crowded(self, settings: Settings) -> AsyncIterator[str]:
        """A role that has used up its connections."""
        role = f"crowded_{uuid.uuid4().hex}"
        create = f"CREATE ROLE {role} LOGIN PASSWORD 'x' CONNECTION LIMIT 0"
        await execute(settings.database_url, create)
        yield role
        await execute(settings.database_url, f"DROP ROLE {role}")

    @ALL_WAYS
    async def test_terminated_idle_backend_causes_no_error(
        self, database: Database, settings: Settings, do: Do
    ) -> None:
        await do(database)

        await end_backends(settings)

        assert await do(database) == 1

    @ALL_WAYS
    async def test_dropped_idle_connection_causes_no_error(
        self, opened: Open, proxy: Proxy, do: Do
    ) -> None:
        database = await opened(database_url=proxy.url)
        await asyncio.gather(*(do(database) for _ in range(5)))

        proxy.cut()

        assert await do(database) == 1

    async def test_backend_terminated_in_a_transaction(
        self, database: Database, settings: Settings
    ) -> None:
        async def interrupted() -> None:
            async with database.units_of_work.begin() as uow:
                await uow.session.execute(text("SELECT 1"))
                await end_backends(settings)
                await uow.session.execute(text("SELECT 1"))

        with pytest.raises(DatabaseUnavailable):
            await interrupted()
        assert await do_nothing(database)

    async def test_backend_terminated_in_a_statement(
        self, opened: Open, settings: Settings
    ) -> None:
        database = await opened(database_command_timeout_seconds=20)
        # Named, because statements of other tests may still be being cancelled.
        name = f"sleep_{uuid.uuid4().hex}"
        sleep = asyncio.create_task(database.write(f"SELECT pg_sleep(15) AS {name}"))

        await end_backends(settings, state="active", running=f"%{name}")

        with pytest.raises(DatabaseUnavailable):
            await sleep
        assert await do_nothing(database)


async def end_backends(settings: Settings, *, state: str = "idle%", running: str = "%") -> None:
    """Return when PostgreSQL has ended a backend; its last message may not have arrived yet."""
    query = (
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND datname = current_database() AND state LIKE $1 AND query LIKE $2"
        " AND query NOT LIKE 'LISTEN%'"
        f" AND application_name <> '{APPLICATION_NAME}'"
    )
    connection = await asyncpg.connect(plain(settings.database_url))
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not await connection.fetch(query, state, running):
            assert time.monotonic() < deadline
    finally:
        await connection.close()


class TestPool:
    async def test_exhausted_pool_fails_after_its_timeout(self, opened: Open) -> None:
        database = await opened(database_pool_size=1, database_pool_timeout_seconds=0.2)
        busy = asyncio.create_task(database.read(SLEEP))
        await eventually(lambda: database.pool.in_use == 1)

        with pytest.raises(Unavailable):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await database.read()

        assert not busy.done()
        busy.cancel()
        await asyncio.wait([busy])

    async def test_pool_never_exceeds_its_size(self, opened: Open) -> None:
        database = await opened(database_pool_size=3)

        pids = await asyncio.gather(*(database.read(PID) for _ in range(20)))

        assert len(set(pids)) <= 3
        assert database.pool.in_use == 0

    async def test_failed_reads_release_their_slot(self, opened: Open) -> None:
        database = await opened(database_pool_size=1, database_url=CLOSED)

        for _ in range(3):
            with pytest.raises(DatabaseUnavailable):
                await database.read()

        assert database.pool.in_use == 0

    async def test_cancelled_read_releases_its_slot(self, opened: Open) -> None:
        database = await opened(database_pool_size=1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await database.read(SLEEP)

        assert await database.read() == 1

    async def test_old_connection_is_replaced(self, opened: Open) -> None:
        database = await opened(database_pool_recycle_seconds=0)

        pids = [await database.read(PID) for _ in range(3)]

        assert len(set(pids)) == 3


class TestOverHttp:
    async def test_locked_row_is_unavailable(
        self, settings: Settings, running: Running, save: Save, user: User
    ) -> None:
        item = await save(make_item(user))

        async with running(database_command_timeout_seconds=0.6) as own:
            client = await signed_in(own, user)
            async with locked_elsewhere(settings.database_url, item):
                response = await client.patch(f"/api/v1/items/{item.id}", json={"name": "New"})

        assert_problem(response, 503, "lock_timeout")
        assert response.headers["Retry-After"] == "1"

    async def test_unreachable_database_is_unavailable(
        self, app: FastAPI, running: Running, user: User
    ) -> None:
        token = await access_token(app, user)

        async with running(database_url=CLOSED) as own:
            client = new_client(own, Authorization=f"Bearer {token}")
            response = await client.get("/api/v1/items")

        assert_problem(response, 503, "database_unavailable")

    @pytest.mark.parametrize(
        ("method", "is_known"), [("GET", True), ("GET", False), ("POST", True)]
    )
    async def test_hung_database_is_answered_for_in_time(
        self,
        app: FastAPI,
        running: Running,
        user: User,
        proxy: Proxy,
        method: str,
        is_known: bool,
    ) -> None:
        token = await access_token(app, user)
        async with running(database_url=proxy.url, **QUICK) as own:
            client = new_client(own, Authorization=f"Bearer {token}")
            if is_known:
                await client.request(method, "/api/v1/items", json=item_body())
            proxy.switch("hang")
            waiting = asyncio.create_task(client.request(method, "/api/v1/items", json=item_body()))
            alive = await client.get("/liveness")
            is_waiting = not waiting.done()
            async with asyncio.timeout(PATIENCE_SECONDS):
                response = await waiting

        assert (alive.status_code, is_waiting) == (200, True)
        assert response.status_code in {503, 504}

    async def test_service_stops_although_the_database_hangs(
        self, running: Running, user: User, proxy: Proxy
    ) -> None:
        async with asyncio.timeout(None) as stop, running(database_url=proxy.url, **QUICK) as own:
            client = await signed_in(own, user)
            await client.post("/api/v1/items", json=item_body())
            proxy.switch("hang")
            stop.reschedule(asyncio.get_running_loop().time() + PATIENCE_SECONDS)

    async def test_service_recovers_with_the_database(
        self, running: Running, user: User, proxy: Proxy
    ) -> None:
        async with running(database_url=proxy.url) as own:
            client = await signed_in(own, user)
            statuses = []
            for mode in ("pass", "refuse", "pass"):
                proxy.switch(mode)
                statuses.append((await client.post("/api/v1/items", json=item_body())).status_code)

        assert statuses == [201, 503, 201]


async def signed_in(app: FastAPI, user: User) -> AsyncClient:
    return new_client(app, Authorization=f"Bearer {await access_token(app, user)}")


class TestOtherErrors:
    def test_pass_through(self) -> None:
        with pytest.raises(KeyError), database_errors():
            raise KeyError("name")

    async def test_invalid_statement_is_an_internal_error(self, database: Database) -> None:
        with pytest.raises(Exception, match="syntax") as caught:
            await database.write("SELEC :value", value="canary")

        assert not isinstance(caught.value, AppError)
        assert "canary" not in str(caught.value)
