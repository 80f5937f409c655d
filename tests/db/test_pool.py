"""Connection pool: few connections, and no deadlock of tasks that wait for a second one."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextvars import Context
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from sqlalchemy import func, select

from app.config.settings import Settings
from app.db.compiled import CompiledStatement
from app.db.engine import create_pool
from app.db.errors import DatabaseUnavailable, StatementTimeout
from app.db.executor import PoolReader
from app.db.pool import Pool
from app.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from app.errors import AppError
from app.features.users.models.user import User
from tests.conftest import Running, Save, access_token, new_client
from tests.factories import PASSWORD, item_body, make_user
from tests.polling import PATIENCE_SECONDS, eventually
from tests.state import units_of_work

PID = CompiledStatement(select(func.pg_backend_pid().label("pid")))
SLEEP = select(func.pg_sleep(30))
# Otherwise PostgreSQL would end the statement in an orderly manner before our side gives up.
NO_LIMIT = select(func.set_config("statement_timeout", "0", True))
TASKS = 20
ITEMS = "/api/v1/items"

Opened = Callable[..., Pool]
Run = Callable[[UnitOfWork, Any], Awaitable[Any]]


@pytest.fixture
async def opened(settings: Settings) -> AsyncIterator[Opened]:
    """Opens a pool with some settings changed."""
    pools: list[Pool] = []

    def open_pool(**changes: Any) -> Pool:
        own = settings.model_copy(update={"database_pool_size": 1, **changes})
        pools.append(create_pool(own, own.database_url))
        return pools[-1]

    yield open_pool
    for pool in pools:
        await pool.close()


async def by_session(uow: UnitOfWork, statement: Any) -> Any:
    return await uow.session.scalar(statement)


async def compiled(uow: UnitOfWork, statement: Any) -> Any:
    return await uow.execute(CompiledStatement(statement))


SESSION_AND_COMPILED = pytest.mark.parametrize("run", [by_session, compiled])


async def pid(pool: Pool) -> int:
    async with UnitOfWorkFactory(pool).begin() as uow:
        return int((await uow.execute(PID))[0]["pid"])


@SESSION_AND_COMPILED
class TestOnlyConnection:
    async def test_serves_one_task_after_the_other(self, opened: Opened, run: Run) -> None:
        factory = UnitOfWorkFactory(opened())

        async def work() -> None:
            async with factory.begin() as uow:
                await run(uow, select(func.pg_sleep(0.01)))

        await asyncio.gather(*(work() for _ in range(TASKS)))

        assert factory.pool.in_use == 0

    async def test_is_closed_when_its_task_is_cancelled(self, opened: Opened, run: Run) -> None:
        pool = opened()
        before = await pid(pool)

        async def sleep() -> None:
            async with asyncio.timeout(0.2), UnitOfWorkFactory(pool).begin() as uow:
                await run(uow, SLEEP)

        with pytest.raises(TimeoutError):
            await sleep()

        assert await pid(pool) != before

    async def test_is_free_again_after_an_error(self, opened: Opened, run: Run) -> None:
        pool = opened()

        async def fail() -> None:
            async with UnitOfWorkFactory(pool).begin() as uow:
                await run(uow, select(1))
                raise AppError

        for _ in range(3):
            with pytest.raises(AppError):
                await fail()

        assert await pid(pool)

    async def test_wait_for_it_times_out(self, opened: Opened, run: Run) -> None:
        pool = opened(database_pool_timeout_seconds=0.2)

        async with UnitOfWorkFactory(pool).begin() as uow:
            await run(uow, select(1))
            with pytest.raises(DatabaseUnavailable, match="busy"):
                await in_another_task(pid(pool))

    async def test_is_not_acquired_before_the_first_statement(
        self, opened: Opened, run: Run
    ) -> None:
        pool = opened()

        async with UnitOfWorkFactory(pool).begin() as uow:
            assert await in_another_task(pid(pool))
            await run(uow, select(1))


async def test_only_connection_is_closed_after_a_timeout(opened: Opened) -> None:
    async def sleep(pool: Pool, run: Run) -> None:
        async with UnitOfWorkFactory(pool).begin() as uow:
            await run(uow, NO_LIMIT)
            await run(uow, SLEEP)

    async def is_replaced(run: Run) -> bool:
        pool = opened(database_command_timeout_seconds=5.0)
        before = await pid(pool)
        with pytest.raises(StatementTimeout):
            await sleep(pool, run)
        return await pid(pool) != before

    # Both at once, because each waits for five seconds.
    assert all(await asyncio.gather(is_replaced(by_session), is_replaced(compiled)))


async def in_another_task(work: Coroutine[Any, Any, int]) -> int:
    """Await the work in a task that holds no connection."""
    return await asyncio.create_task(work, context=Context())


def test_process_opens_at_most_20_connections(settings: Settings, opened: Opened) -> None:
    pool = opened(database_pool_size=settings.database_pool_size)
    listener, job_queue = 1, 1

    assert sum(share.size for share in pool.shares) + listener + job_queue <= 20


class TestSecondConnectionOfATask:
    async def test_does_not_deadlock_with_many_concurrent_tasks(self, opened: Opened) -> None:
        pool = opened()
        factory, reads = UnitOfWorkFactory(pool), PoolReader(pool)

        async def work() -> None:
            async with factory.begin() as outer:
                await outer.execute(PID)
                assert await reads.scalar(PID)
                async with factory.begin() as inner:
                    await inner.execute(PID)

        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*(work() for _ in range(TASKS)))

        assert pool.in_use == 0

    async def test_comes_from_the_reserve_only_while_the_first_is_held(
        self, opened: Opened
    ) -> None:
        pool = opened()
        factory = UnitOfWorkFactory(pool)

        async with factory.begin() as outer:
            assert pool.share_of_task() is pool.requests
            await outer.execute(PID)
            async with factory.begin() as inner:
                await inner.execute(PID)
            assert pool.share_of_task() is pool.reserve
        assert pool.share_of_task() is pool.requests

    async def test_of_a_child_task_comes_from_the_reserve(self, opened: Opened) -> None:
        pool = opened()
        reads = PoolReader(pool)

        async with UnitOfWorkFactory(pool).begin() as uow:
            await uow.execute(PID)
            await asyncio.gather(*(reads.scalar(PID) for _ in range(TASKS)))


class TestConcurrentRequests:
    @pytest.fixture
    async def crowded(self, running: Running) -> AsyncIterator[FastAPI]:
        """A service with one connection for all requests."""
        async with running(database_pool_size=1) as app:
            yield app

    async def test_do_not_deadlock_when_they_read_while_holding_a_connection(
        self, crowded: FastAPI, user: User
    ) -> None:
        async with await signed_in(crowded, user) as client:
            await assert_succeed(
                *(client.post(ITEMS, json=item_body(), headers=new_key()) for _ in range(TASKS)),
                *(client.get(ITEMS) for _ in range(TASKS)),
                *(client.post(ITEMS, json=item_body()) for _ in range(TASKS)),
            )

        # Loops of the application use a connection now and then.
        await eventually(lambda: units_of_work(crowded).pool.in_use == 0)

    async def test_do_not_deadlock_when_they_count_a_sign_in_while_holding_a_connection(
        self, crowded: FastAPI, save: Save
    ) -> None:
        users = [await save(make_user()) for _ in range(TASKS)]

        async with new_client(crowded) as client:
            await assert_succeed(
                *(sign_in(client, user, new_key()) for user in users),
                *(sign_in(client, user, {}) for user in users),
            )

        # Loops of the application use a connection now and then.
        await eventually(lambda: units_of_work(crowded).pool.in_use == 0)


async def signed_in(app: FastAPI, user: User) -> AsyncClient:
    return new_client(app, Authorization=f"Bearer {await access_token(app, user)}")


async def sign_in(client: AsyncClient, user: User, headers: dict[str, str]) -> Response:
    form = {"username": user.email, "password": PASSWORD}
    return await client.post("/api/v1/auth/token", data=form, headers=headers)


async def assert_succeed(*requests: Coroutine[Any, Any, Response]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        responses = await asyncio.gather(*requests)
    assert {response.status_code for response in responses} <= {200, 201}


def new_key() -> dict[str, str]:
    return {"Idempotency-Key": uuid.uuid4().hex}
