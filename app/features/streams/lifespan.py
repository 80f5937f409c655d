"""Lifespan: leases of open streams, revalidation of their callers, rate limit of their frames."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.db.resources import DatabaseResources
from app.features.streams.leases import SocketLeases
from app.features.streams.session_revalidation import Standing
from app.security.principal_cache import CHANNEL
from app.security.rate_limit import Windows
from app.security.resources import SecurityResources
from app.startup import Startup


@dataclass(frozen=True, slots=True)
class StreamResources:
    standing: Standing
    leases: SocketLeases
    message_limit: Windows | None
    """Of the frames that a client sends over WebSockets."""


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[StreamResources]:
    database = startup.resources[DatabaseResources]
    standing = Standing(database.reads, startup.resources[SecurityResources].authenticators)
    leases = SocketLeases(database.sessions, startup.settings)
    startup.notifications.on_notification(CHANNEL, standing.wake)
    startup.notifications.on_reconnect(standing.wake)
    startup.run(standing, leases)
    message_limit = startup.windows(startup.settings.room_messages_limit)
    yield StreamResources(standing, leases, message_limit)
