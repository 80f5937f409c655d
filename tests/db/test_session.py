"""The unit of work: acknowledged writes are committed, failed ones leave nothing."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select, text

from app.config.settings import Settings
from app.db.engine import create_engine
from app.db.errors import DatabaseUnavailable
from app.db.notifications import Notifications
from app.db.session import Sessionmaker, create_sessionmaker, notify, transaction
from app.errors import AppError, PreconditionFailed
from app.features.items.models import Item
from app.features.users.models.user import User
from tests.conftest import Save
from tests.factories import make_item, make_user
from tests.polling import PATIENCE_SECONDS
from tests.state import sessions_of


class TestTransaction:
    async def test_success_is_committed(self, app: FastAPI) -> None:
        async with transaction(sessions_of(app)) as session:
            session.add(make_user(username="ada"))

        assert await count_users(app) == 1

    async def test_error_rolls_back_everything(self, app: FastAPI) -> None:
        async def fail() -> None:
            async with transaction(sessions_of(app)) as session:
                session.add(make_user())
                await session.flush()
                raise AppError

        with pytest.raises(AppError):
            await fail()

        assert await count_users(app) == 0

    async def test_cancelled_request_leaves_nothing(self, app: FastAPI) -> None:
        is_written = asyncio.Event()

        async def write() -> None:
            async with transaction(sessions_of(app)) as session:
                session.add(make_user())
                await session.flush()
                is_written.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(write())
        await is_written.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert await count_users(app) == 0

    async def test_rows_outlive_their_transaction(self, app: FastAPI, user: User) -> None:
        async with transaction(sessions_of(app)) as session:
            item = make_item(user)
            session.add(item)

        assert item.version == 1
        assert item.created_at.utcoffset() is not None

    async def test_change_of_a_changed_row_fails(
        self, app: FastAPI, save: Save, user: User
    ) -> None:
        item = await save(make_item(user))

        async def overtaken() -> None:
            async with transaction(sessions_of(app)) as session:
                stale = await session.get_one(Item, item.id)
                await rename(app, item, "first")
                stale.name = "second"

        with pytest.raises(PreconditionFailed):
            await overtaken()
        async with sessions_of(app)() as session:
            assert (await session.get_one(Item, item.id)).name == "first"

    async def test_each_change_is_a_version(self, app: FastAPI, save: Save, user: User) -> None:
        item = await save(make_item(user))

        for name in ("a", "b", "b"):
            await rename(app, item, name)

        async with sessions_of(app)() as session:
            row = await session.get_one(Item, item.id)
        assert row.version == 3
        assert row.updated_at > row.created_at

    async def test_money_comes_back_exactly(self, app: FastAPI, save: Save, user: User) -> None:
        item = await save(make_item(user, price=Decimal("0.10"), tax=Decimal("0.10")))

        async with sessions_of(app)() as session:
            row = await session.get_one(Item, item.id)
        assert (str(row.price), str(row.tax)) == ("0.10", "0.10")


async def count_users(app: FastAPI) -> int:
    async with sessions_of(app)() as session:
        return len((await session.scalars(select(User))).all())


async def rename(app: FastAPI, item: Item, name: str) -> None:
    async with transaction(sessions_of(app)) as session:
        (await session.get_one(Item, item.id)).name = name


class TestNotify:
    @pytest.fixture
    async def received(self, settings: Settings) -> AsyncIterator[tuple[Sessionmaker, list[str]]]:
        received: list[str] = []

        async def publish(channel: str, payload: str) -> None:
            received.append(f"{channel} {payload}")

        engine = create_engine(settings)
        notifications = Notifications()
        notifications.publish = publish
        yield create_sessionmaker(engine, notifications), received
        await engine.dispose()

    async def test_publishes_after_the_commit(
        self, received: tuple[Sessionmaker, list[str]]
    ) -> None:
        sessions, messages = received

        async with transaction(sessions) as session:
            await notify(session, "channel", "a")
            await notify(session, "channel", "b")
            assert messages == []

        assert messages == ["channel a", "channel b"]

    async def test_publishes_nothing_after_an_error(
        self, received: tuple[Sessionmaker, list[str]]
    ) -> None:
        sessions, messages = received

        async def fail() -> None:
            async with transaction(sessions) as session:
                await notify(session, "channel", "a")
                raise AppError

        with pytest.raises(AppError):
            await fail()

        assert messages == []


class TestPool:
    @pytest.fixture
    async def small(self, settings: Settings) -> AsyncIterator[Sessionmaker]:
        """Two connections, and no more."""
        changes: dict[str, Any] = {"database_pool_size": 1, "database_max_overflow": 1}
        changes["database_pool_timeout_seconds"] = 1
        engine = create_engine(settings.model_copy(update=changes))
        yield create_sessionmaker(engine)
        await engine.dispose()

    async def test_exhausted_pool_fails_after_its_timeout(self, small: Sessionmaker) -> None:
        async with transaction(small) as one, transaction(small) as two:
            await asyncio.gather(one.execute(text("SELECT 1")), two.execute(text("SELECT 1")))
            with pytest.raises(DatabaseUnavailable):
                async with asyncio.timeout(PATIENCE_SECONDS), transaction(small) as three:
                    await three.execute(text("SELECT 1"))

    async def test_waits_for_a_released_connection(self, small: Sessionmaker) -> None:
        async def work() -> None:
            async with transaction(small) as session:
                await session.execute(text("SELECT pg_sleep(0.01)"))

        await asyncio.gather(*(work() for _ in range(20)))

    async def test_failed_work_releases_its_connection(self, small: Sessionmaker) -> None:
        async def fail() -> None:
            async with transaction(small) as session:
                await session.execute(text("SELECT 1"))
                raise AppError

        await asyncio.gather(*(fail() for _ in range(5)), return_exceptions=True)

        async with transaction(small) as session:
            assert await session.scalar(text("SELECT 1")) == 1
