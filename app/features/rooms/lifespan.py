"""Lifespan: the rooms of this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.db.resources import DatabaseResources
from app.features.rooms import crud
from app.features.rooms.rooms import Rooms
from app.features.streams.lifespan import StreamResources
from app.features.streams.topics import TopicHandler
from app.startup import Startup


@dataclass(frozen=True, slots=True)
class RoomResources:
    rooms: Rooms


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[RoomResources]:
    resources = startup.resources
    leases = resources[StreamResources].leases
    leases.topics = TopicHandler(lock=crud.lock, entered=crud.enter, left=crud.leave)
    rooms = Rooms(resources[DatabaseResources].reads, leases)
    startup.notifications.on_notification(crud.CHANNEL, rooms.notify)
    startup.notifications.on_reconnect(rooms.notify_all)
    startup.run(rooms)
    yield RoomResources(rooms)
