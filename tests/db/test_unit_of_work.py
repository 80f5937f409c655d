"""The unit of work: acknowledged writes are committed, failed ones leave nothing."""

import asyncio
import uuid
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

import asyncpg
import pytest
from fastapi import FastAPI
from sqlalchemy import bindparam, func, select, text
from sqlalchemy.exc import PendingRollbackError

from app.db.base import IdRow
from app.db.compiled import CompiledStatement
from app.db.compiled_insert import compiled_insert, insert_last, insert_one
from app.db.errors import DatabaseUnavailable, ForeignKeyViolation
from app.db.notifications import Notifications
from app.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from app.errors import AppError, PreconditionFailed
from app.features.items.models import Item
from app.features.users.models.user import User
from app.observability.request_context import bind_actor
from tests.conftest import Save
from tests.factories import make_item, make_user
from tests.polling import eventually
from tests.state import reads_of, units_of_work

INSERT = compiled_insert(Item, ["name", "price", "tags", "owner_id"], returning=IdRow)
NAMES = CompiledStatement(select(Item.name))
TERMINATE = CompiledStatement(select(func.pg_terminate_backend(bindparam("pid"))))


class TestTransaction:
    async def test_success_is_committed(self, app: FastAPI) -> None:
        async with units_of_work(app).begin() as uow:
            uow.session.add(make_user(username="ada"))

        assert await count_users(app) == 1

    async def test_error_rolls_back_everything(self, app: FastAPI) -> None:
        async def fail() -> None:
            async with units_of_work(app).begin() as uow:
                uow.session.add(make_user())
                await uow.session.flush()
                raise AppError

        with pytest.raises(AppError):
            await fail()

        assert await count_users(app) == 0

    async def test_cancelled_request_leaves_nothing(self, app: FastAPI) -> None:
        is_written = asyncio.Event()

        async def write() -> None:
            async with units_of_work(app).begin() as uow:
                uow.session.add(make_user())
                await uow.session.flush()
                is_written.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(write())
        await is_written.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert await count_users(app) == 0

    async def test_rows_outlive_their_transaction(self, app: FastAPI, user: User) -> None:
        async with units_of_work(app).begin() as uow:
            item = make_item(user)
            uow.session.add(item)

        assert item.version == 1
        assert item.created_at.utcoffset() is not None

    async def test_change_of_a_changed_row_fails(
        self, app: FastAPI, save: Save, user: User
    ) -> None:
        item = await save(make_item(user))

        async def overtaken() -> None:
            async with units_of_work(app).begin() as uow:
                stale = await uow.session.get_one(Item, item.id)
                await rename(app, item, "first")
                stale.name = "second"

        with pytest.raises(PreconditionFailed):
            await overtaken()
        async with units_of_work(app).begin() as uow:
            assert (await uow.session.get_one(Item, item.id)).name == "first"

    async def test_each_change_is_a_version(self, app: FastAPI, save: Save, user: User) -> None:
        item = await save(make_item(user))

        for name in ("a", "b", "b"):
            await rename(app, item, name)

        async with units_of_work(app).begin() as uow:
            row = await uow.session.get_one(Item, item.id)
        assert row.version == 3
        assert row.updated_at > row.created_at

    async def test_money_comes_back_exactly(self, app: FastAPI, save: Save, user: User) -> None:
        item = await save(make_item(user, price=Decimal("0.10"), tax=Decimal("0.10")))

        async with units_of_work(app).begin() as uow:
            row = await uow.session.get_one(Item, item.id)
        assert (str(row.price), str(row.tax)) == ("0.10", "0.10")


async def count_users(app: FastAPI) -> int:
    async with units_of_work(app).begin() as uow:
        return len((await uow.session.scalars(select(User))).all())


async def rename(app: FastAPI, item: Item, name: str) -> None:
    async with units_of_work(app).begin() as uow:
        (await uow.session.get_one(Item, item.id)).name = name


class TestNotify:
    @pytest.fixture
    def received(self, app: FastAPI) -> tuple[UnitOfWorkFactory, list[str]]:
        received: list[str] = []

        async def publish(channel: str, payload: str) -> None:
            received.append(f"{channel} {payload}")

        notifications = Notifications()
        notifications.publish = publish
        return replace(units_of_work(app), notifications=notifications), received

    async def test_publishes_after_the_commit(
        self, received: tuple[UnitOfWorkFactory, list[str]]
    ) -> None:
        factory, messages = received

        async with factory.begin() as uow:
            await uow.notify("channel", "a")
            await uow.notify("channel", "b")
            assert messages == []

        assert messages == ["channel a", "channel b"]

    async def test_publishes_nothing_after_an_error(
        self, received: tuple[UnitOfWorkFactory, list[str]]
    ) -> None:
        factory, messages = received

        async def fail() -> None:
            async with factory.begin() as uow:
                await uow.notify("channel", "a")
                raise AppError

        with pytest.raises(AppError):
            await fail()

        assert messages == []


async def insert(uow: UnitOfWork, owner_id: uuid.UUID, name: str) -> None:
    await insert_one(uow, INSERT, owner_id=owner_id, name=name, price=Decimal("1.00"), tags=[])


async def names(app: FastAPI) -> list[str]:
    return sorted(row["name"] for row in await reads_of(app).all(NAMES))


def item_values(owner_id: uuid.UUID) -> dict[str, Any]:
    return {"owner_id": owner_id, "name": "last", "price": Decimal("1.00"), "tags": []}


class TestLastStatement:
    async def test_only_statement_is_committed_at_once(self, app: FastAPI, user: User) -> None:
        async with units_of_work(app).begin() as uow:
            await insert_last(uow, INSERT, **item_values(user.id))

            assert await names(app) == ["last"]

    async def test_after_another_it_is_committed_with_it(self, app: FastAPI, user: User) -> None:
        async with units_of_work(app).begin() as uow:
            await insert(uow, user.id, "first")
            await insert_last(uow, INSERT, **item_values(user.id))

            assert await names(app) == []
        assert await names(app) == ["first", "last"]

    async def test_nothing_runs_after_it(self, app: FastAPI, user: User) -> None:
        async with units_of_work(app).begin() as uow:
            await insert_last(uow, INSERT, **item_values(user.id))

            with pytest.raises(RuntimeError, match="has ended"):
                await insert(uow, user.id, "late")

    async def test_in_a_savepoint_others_may_follow(self, app: FastAPI, user: User) -> None:
        async with units_of_work(app).begin() as uow:
            for _ in range(2):
                async with uow.session.begin_nested():
                    await insert_last(uow, INSERT, **item_values(user.id))

            assert await names(app) == []
        assert await names(app) == ["last", "last"]

    async def test_its_error_leaves_nothing(self, app: FastAPI) -> None:
        async def fail() -> None:
            async with units_of_work(app).begin() as uow:
                await insert_last(uow, INSERT, **item_values(uuid.uuid4()))

        with pytest.raises(ForeignKeyViolation):
            await fail()

        assert await names(app) == []
        await eventually(lambda: units_of_work(app).pool.in_use == 0)

    async def test_lost_connection_is_replaced(self, app: FastAPI, user: User) -> None:
        pooled = await units_of_work(app).pool.acquire()
        units_of_work(app).pool.release(pooled)
        lost = asyncio.Event()
        pooled.driver.add_termination_listener(lambda _: lost.set())
        await reads_of(app).all(TERMINATE, pid=pooled.driver.get_server_pid())
        await lost.wait()

        async with units_of_work(app).begin() as uow:
            await insert_last(uow, INSERT, **item_values(user.id))

        assert await names(app) == ["last"]

    async def test_settings_end_with_it(self, app: FastAPI, user: User) -> None:
        bind_actor(user.id)

        async with units_of_work(app).begin() as uow:
            await insert_last(uow, INSERT, **item_values(user.id))

        actor = CompiledStatement(select(func.current_setting("app.actor_id", True).label("actor")))
        assert not await reads_of(app).scalar(actor)


class TestSessionAndCompiledStatements:
    async def test_see_the_same_rows(self, app: FastAPI, user: User) -> None:
        async with units_of_work(app).begin() as uow:
            uow.session.add(make_item(user, name="by the session"))
            await uow.session.flush()
            await insert(uow, user.id, "compiled")

            assert len(await uow.execute(NAMES)) == 2
            assert len((await uow.session.scalars(select(Item))).all()) == 2

    async def test_share_a_savepoint(self, app: FastAPI, user: User) -> None:
        async with units_of_work(app).begin() as uow:
            await insert(uow, user.id, "committed")
            with suppress(ForeignKeyViolation):
                async with uow.session.begin_nested():
                    await insert(uow, user.id, "rolled back")
                    await insert(uow, uuid.uuid4(), "without an owner")

        assert await names(app) == ["committed"]

    async def test_are_rolled_back_together(self, app: FastAPI, user: User) -> None:
        async def fail() -> None:
            async with units_of_work(app).begin() as uow:
                await insert(uow, user.id, "compiled")
                uow.session.add(make_item(user))
                await uow.session.flush()
                raise AppError

        with pytest.raises(AppError):
            await fail()

        assert await names(app) == []


class TestMisuse:
    async def test_commit_that_postgresql_rejects_is_an_error(
        self, app: FastAPI, user: User
    ) -> None:
        """After a suppressed error PostgreSQL responds to COMMIT with ROLLBACK."""

        async def suppress_the_error() -> None:
            async with units_of_work(app).begin() as uow:
                await insert(uow, user.id, "rolled back")
                with suppress(ForeignKeyViolation):
                    await insert(uow, uuid.uuid4(), "without an owner")

        with pytest.raises(AppError, match="not committed"):
            await suppress_the_error()
        assert await names(app) == []

    async def test_lost_connection_is_not_replaced_within_the_transaction(
        self, app: FastAPI, user: User
    ) -> None:
        async def lose_the_connection() -> None:
            async with units_of_work(app).begin() as uow:
                await insert(uow, user.id, "rolled back")
                connection = await (await uow.session.connection()).get_raw_connection()
                cast("asyncpg.Connection", connection.driver_connection).terminate()
                for _ in range(2):
                    with pytest.raises(DatabaseUnavailable):
                        await insert(uow, user.id, "rolled back")
                    with pytest.raises(DatabaseUnavailable):
                        await uow.session.execute(text("SELECT 1"))

        with pytest.raises(DatabaseUnavailable):
            await lose_the_connection()
        assert await names(app) == []

    async def test_failed_flush_is_not_committed_in_part(self, app: FastAPI, user: User) -> None:
        async def suppress_the_error() -> None:
            async with units_of_work(app).begin() as uow:
                await insert(uow, user.id, "rolled back")
                uow.session.add(make_item(user, owner_id=uuid.uuid4()))
                with suppress(ForeignKeyViolation):
                    await uow.session.flush()

        with pytest.raises(PendingRollbackError):
            await suppress_the_error()
        assert await names(app) == []

    async def test_session_cannot_roll_back_by_itself(self, app: FastAPI) -> None:
        async with units_of_work(app).begin() as uow:
            with pytest.raises(RuntimeError, match="unit of work rolls back"):
                await uow.session.rollback()

    async def test_statement_after_the_end_is_an_error(self, app: FastAPI, user: User) -> None:
        async with units_of_work(app).begin() as uow:
            await uow.execute(NAMES)

        with pytest.raises(RuntimeError, match="has ended"):
            await uow.execute(NAMES)
        with pytest.raises(RuntimeError, match="has ended"):
            await uow.session.get(User, user.id)

    async def test_two_tasks_cannot_begin_at_once(self, app: FastAPI) -> None:
        async with units_of_work(app).begin() as uow:
            statements = (uow.execute(NAMES) for _ in range(2))
            outcomes = await asyncio.gather(*statements, return_exceptions=True)

        assert outcomes[0] == []
        assert isinstance(outcomes[1], RuntimeError)

    async def test_end_while_another_task_begins_releases_the_connection(
        self, app: FastAPI
    ) -> None:
        async with units_of_work(app).begin() as uow:
            begun = asyncio.create_task(uow.execute(NAMES))
            await asyncio.sleep(0)

        with pytest.raises(RuntimeError, match="ended"):
            await begun
        await eventually(lambda: units_of_work(app).pool.requests.in_use == 0)
