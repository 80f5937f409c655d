"""Leases: their limits, and with a topic the calls of its handler and their transactions."""

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import func

from app.config.settings import Settings
from app.db.unit_of_work import UnitOfWork
from app.errors import AppError, Overloaded
from app.features.streams.leases import SocketLeases
from app.features.streams.models.socket import Socket, StreamKind, TooManySockets, TooManyStreams
from app.features.streams.settings import StreamSettings
from app.features.streams.topics import TopicHandler
from app.features.users.models.user import User
from app.runtime.ids import uuid7
from tests.conftest import Database, Save
from tests.state import units_of_work

SOCKETS = "SELECT id FROM sockets"


class Visitors:
    """A handler that records its calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def lock(self, _: UnitOfWork, topic: str) -> None:
        self.calls.append(f"lock {topic}")

    async def entered(self, _: UnitOfWork, topic: str, __: uuid.UUID, is_first: bool) -> str:
        self.calls.append(f"first in {topic}" if is_first else f"another in {topic}")
        return "welcome"

    async def left(self, _: UnitOfWork, topic: str, __: uuid.UUID) -> None:
        self.calls.append(f"left {topic}")

    @property
    def handler(self) -> TopicHandler:
        return TopicHandler(self.lock, self.entered, self.left)


@pytest.fixture
def visitors() -> Visitors:
    return Visitors()


@pytest.fixture
async def leases(
    app: FastAPI, settings: Settings, visitors: Visitors
) -> AsyncIterator[SocketLeases]:
    leases = SocketLeases(units_of_work(app), settings.of(StreamSettings))
    leases.topics = visitors.handler
    yield leases
    assert leases.count == 0


class TestLimits:
    @pytest.mark.parametrize(
        ("kind", "error"),
        [(StreamKind.WEBSOCKET, TooManySockets), (StreamKind.EVENTS, TooManyStreams)],
    )
    async def test_those_of_a_user_are_counted_over_all_processes(
        self, app: FastAPI, user: User, other_user: User, kind: StreamKind, error: type[AppError]
    ) -> None:
        limits = StreamSettings(sockets_per_user=1, event_streams_per_user=1)
        first, second = (SocketLeases(units_of_work(app), limits) for _ in range(2))

        async with first.held(user.id, kind=kind), second.held(other_user.id, kind=kind):
            with pytest.raises(error):
                await second.held(user.id, kind=kind).__aenter__()

    async def test_those_of_the_process_are_limited(
        self, app: FastAPI, user: User, other_user: User
    ) -> None:
        leases = SocketLeases(units_of_work(app), StreamSettings(streams_per_process=1))

        async with leases.held(user.id):
            with pytest.raises(Overloaded):
                await leases.held(other_user.id, kind=StreamKind.EVENTS).__aenter__()


class TestTopic:
    async def test_first_and_last_lease_of_a_user_are_distinguished(
        self, leases: SocketLeases, visitors: Visitors, user: User
    ) -> None:
        async with leases.held(user.id, "hall") as entered, leases.held(user.id, "hall"):
            visitors.calls.append("inside")

        assert entered == "welcome"
        assert visitors.calls == [
            *("lock hall", "first in hall", "lock hall", "another in hall", "inside"),
            *("lock hall", "lock hall", "left hall"),
        ]

    async def test_lease_without_topic_calls_no_handler(
        self, leases: SocketLeases, visitors: Visitors, user: User
    ) -> None:
        async with leases.held(user.id) as entered:
            assert entered is None

        assert visitors.calls == []

    async def test_lease_is_rolled_back_where_the_handler_fails(
        self, leases: SocketLeases, visitors: Visitors, user: User, database: Database
    ) -> None:
        async def reject(*_: object) -> None:
            raise LookupError("closed")

        leases.topics = TopicHandler(visitors.lock, reject, visitors.left)
        with pytest.raises(LookupError, match="closed"):
            async with leases.held(user.id, "hall"):
                pass

        assert await database(SOCKETS) == []
        assert visitors.calls == ["lock hall"]

    async def test_lease_of_killed_process_is_left(
        self,
        leases: SocketLeases,
        visitors: Visitors,
        user: User,
        other_user: User,
        save: Save,
        database: Database,
    ) -> None:
        over = func.now() - timedelta(seconds=1)
        await save(
            Socket(user_id=other_user.id, topic="hall", worker_id=uuid7(), lease_ends_at=over)
        )

        async with leases.held(user.id):
            await leases.work()
            left = await database(SOCKETS)

        assert len(left) == 1
        assert visitors.calls == ["lock hall", "left hall"]
