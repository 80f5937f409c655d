"""Rooms: people who talk to one another. docs/asyncapi.yaml describes what is sent."""

from fastapi import APIRouter, WebSocket

from app.features.rooms.connection import converse
from app.features.rooms.dependencies import RoomsDep, Speaker
from app.features.rooms.schemas import RoomName
from app.features.streams.authentication import RoomReader
from app.features.streams.dependencies import StandingDep
from app.features.streams.lifespan import StreamResources
from app.features.streams.websocket import close
from app.http.origin_check import KnownOrigin
from app.http.query_parameters import KnownParameters
from app.resources import resources

router = APIRouter(tags=["rooms"])


@router.websocket("/ws/{room}", dependencies=[KnownOrigin, KnownParameters])
async def join_room(
    websocket: WebSocket, room: RoomName, caller: RoomReader, rooms: RoomsDep, standing: StandingDep
) -> None:
    """Join a room: hear what is said there, and say something."""
    speaker = Speaker(caller, resources(websocket)[StreamResources].message_limit)
    with standing.watch(caller) as watched:
        async with rooms.joined(room, caller) as member:
            await websocket.accept()
            ending = await converse(websocket, rooms, member, speaker, watched)
    if ending:
        await close(websocket, ending)
