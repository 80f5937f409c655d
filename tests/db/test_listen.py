"""Notifications: sent at commit, received by every process, recovered when lost."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial

import asyncpg
import pytest
from fastapi import FastAPI

from app.config.settings import Settings
from app.db.engine import connect
from app.db.errors import DatabaseUnavailable, StatementTimeout
from app.db.notifications import Listener, Notifications
from app.db.unit_of_work import UnitOfWorkFactory
from app.errors import Conflict
from tests.polling import eventually
from tests.state import units_of_work

CHANNEL = "tests"
Connect = Callable[[], Awaitable[asyncpg.Connection]]


class RecordingListener:
    """The received notifications, and the number of possible gaps."""

    def __init__(self) -> None:
        self.received: list[str] = []
        self.reconnects = 0

    def on_reconnect(self) -> None:
        self.reconnects += 1

    async def is_listening(self) -> bool:
        return self.reconnects > 0


@pytest.fixture
def ear() -> RecordingListener:
    return RecordingListener()


@pytest.fixture
async def listen(ear: RecordingListener) -> AsyncIterator[Callable[[Connect], Listener]]:
    started: list[Listener] = []

    def start(connect: Connect) -> Listener:
        notifications = Notifications()
        notifications.on_notification(CHANNEL, ear.received.append)
        notifications.on_reconnect(ear.on_reconnect)
        started.append(Listener(connect, notifications, retry_seconds=0.02, check_seconds=0.02))
        started[-1].start()
        return started[-1]

    yield start
    for listener in started:
        await listener.close()


@pytest.fixture
def dial(settings: Settings) -> Connect:
    return partial(connect, settings, settings.database_url)


@pytest.fixture
def commits(app: FastAPI) -> UnitOfWorkFactory:
    return units_of_work(app)


async def tell(commits: UnitOfWorkFactory, payload: str) -> None:
    async with commits.begin() as uow:
        await uow.notify(CHANNEL, payload)


async def tell_in_vain(commits: UnitOfWorkFactory) -> None:
    async with commits.begin() as uow:
        await uow.notify(CHANNEL, "rolled back")
        raise Conflict


class TestListener:
    async def test_receives_notifications_in_commit_order(
        self,
        commits: UnitOfWorkFactory,
        listen: Callable[[Connect], Listener],
        dial: Connect,
        ear: RecordingListener,
    ) -> None:
        listen(dial)
        await eventually(ear.is_listening)
        with pytest.raises(Conflict):
            await tell_in_vain(commits)

        for payload in ("first", "", "thi\u00ebrd"):
            await tell(commits, payload)

        await eventually(lambda: is_received(ear, "thi\u00ebrd"))
        assert ear.received == ["first", "", "thi\u00ebrd"]

    async def test_reconnects_after_a_lost_connection(
        self,
        commits: UnitOfWorkFactory,
        listen: Callable[[Connect], Listener],
        dial: Connect,
        ear: RecordingListener,
    ) -> None:
        opened: list[asyncpg.Connection] = []

        async def dial_and_remember() -> asyncpg.Connection:
            opened.append(await dial())
            return opened[-1]

        listen(dial_and_remember)
        await eventually(ear.is_listening)
        ear.reconnects = 0
        killer = await dial()
        await killer.execute("SELECT pg_terminate_backend($1)", opened[0].get_server_pid())
        await killer.close()

        await eventually(ear.is_listening)
        await tell(commits, "after")

        await eventually(lambda: is_received(ear, "after"))

    @pytest.mark.parametrize(
        "failure",
        [
            DatabaseUnavailable(),
            StatementTimeout(),
            ConnectionResetError(),
            TimeoutError(),
            asyncpg.InterfaceError("closed"),
            asyncpg.TooManyConnectionsError("full"),
        ],
        ids=repr,
    )
    async def test_retries_after_any_error(
        self,
        commits: UnitOfWorkFactory,
        listen: Callable[[Connect], Listener],
        dial: Connect,
        ear: RecordingListener,
        failure: Exception,
    ) -> None:
        failures = [failure] * 3

        async def dial_with_trouble() -> asyncpg.Connection:
            if failures:
                raise failures.pop()
            return await dial()

        listen(dial_with_trouble)

        await eventually(ear.is_listening)
        await tell(commits, "after")
        await eventually(lambda: is_received(ear, "after"))

    async def test_closes_its_connection(
        self, listen: Callable[[Connect], Listener], dial: Connect, ear: RecordingListener
    ) -> None:
        opened: list[asyncpg.Connection] = []

        async def dial_and_remember() -> asyncpg.Connection:
            opened.append(await dial())
            return opened[-1]

        listener = listen(dial_and_remember)
        await eventually(ear.is_listening)

        await listener.close()

        assert [connection.is_closed() for connection in opened] == [True]


async def is_received(ear: RecordingListener, payload: str) -> bool:
    return payload in ear.received


class TestOwnProcess:
    """The process does not wait for its own listener: the client's next request may come first."""

    @pytest.fixture
    def own(self, commits: UnitOfWorkFactory, ear: RecordingListener) -> UnitOfWorkFactory:
        notifications = Notifications()
        notifications.on_notification(CHANNEL, ear.received.append)
        return replace(commits, notifications=notifications)

    async def test_is_notified_at_the_commit(
        self, own: UnitOfWorkFactory, ear: RecordingListener
    ) -> None:
        async with own.begin() as uow:
            await uow.notify(CHANNEL, "news")
            assert ear.received == []

        assert ear.received == ["news"]

    async def test_is_not_notified_of_a_rollback(
        self, own: UnitOfWorkFactory, ear: RecordingListener
    ) -> None:
        with pytest.raises(Conflict):
            await tell_in_vain(own)

        assert ear.received == []

    async def test_channel_without_a_handler_is_ignored(
        self, own: UnitOfWorkFactory, ear: RecordingListener
    ) -> None:
        async with own.begin() as uow:
            await uow.notify("another", "news")

        assert ear.received == []
