"""Lifespan: the rooms of this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.db.resources import DatabaseResources
from app.features.rooms import crud
from app.features.rooms.rooms import Rooms
from app.features.streams.lifespan import StreamResources
from app.startup import Startup


@dataclass(frozen=True, slots=True)
class RoomResources:
    rooms: Rooms


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[RoomResources]:
    opened = startup.resources
    rooms = Rooms(opened[DatabaseResources].reads, opened[StreamResources].leases)
    startup.notifications.on_notification(crud.CHANNEL, rooms.wake)
    startup.notifications.on_reconnect(rooms.wake_all)
    startup.run(rooms)
    yield RoomResources(rooms)
