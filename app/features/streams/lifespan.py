"""Lifespan: leases of open streams, revalidation of their callers, rate limit of their frames."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.db.resources import DatabaseResources
from app.features.streams.leases import SocketLeases
from app.features.streams.session_revalidation import SessionRevalidation
from app.features.streams.settings import StreamSettings
from app.security.principal_cache import CHANNEL
from app.security.rate_limit import Windows
from app.security.resources import SecurityResources
from app.startup import Startup


@dataclass(frozen=True, slots=True)
class StreamResources:
    revalidation: SessionRevalidation
    leases: SocketLeases
    message_limit: Windows | None
    """Rate limit of the frames that a client sends over WebSockets."""


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[StreamResources]:
    database = startup.resources[DatabaseResources]
    authenticators = startup.resources[SecurityResources].authenticators
    revalidation = SessionRevalidation(database.reads, authenticators)
    settings = startup.settings.of(StreamSettings)
    leases = SocketLeases(database.sessions, settings)
    startup.notifications.on_notification(CHANNEL, revalidation.notify)
    startup.notifications.on_reconnect(revalidation.notify)
    startup.run(revalidation, leases)
    message_limit = startup.windows(settings.room_messages_limit)
    yield StreamResources(revalidation, leases, message_limit)
