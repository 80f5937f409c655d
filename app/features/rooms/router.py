"""WebSocket endpoint of chat rooms; docs/asyncapi.yaml describes the messages."""

from fastapi import APIRouter, WebSocket

from app.features.rooms.connection import serve
from app.features.rooms.dependencies import MessageLimiter, RoomsDep
from app.features.rooms.schemas import RoomName
from app.features.rooms.scopes import RoomReader
from app.features.streams.dependencies import RevalidationDep
from app.features.streams.lifespan import StreamResources
from app.features.streams.origin_check import KnownOrigin
from app.features.streams.websocket import close
from app.http.query_parameters import KnownParameters
from app.resources import resources_of

router = APIRouter(tags=["rooms"])


@router.websocket("/ws/{room}", dependencies=[KnownOrigin, KnownParameters])
async def join_room(
    websocket: WebSocket,
    room: RoomName,
    caller: RoomReader,
    rooms: RoomsDep,
    revalidation: RevalidationDep,
) -> None:
    """Join a room: receive its messages and send some."""
    limiter = MessageLimiter(caller, resources_of(websocket)[StreamResources].message_limit)
    with revalidation.watch(caller) as guard:
        async with rooms.joined(room, caller) as participant:
            await websocket.accept()
            close_reason = await serve(websocket, rooms, participant, limiter, guard)
    if close_reason:
        await close(websocket, close_reason)
