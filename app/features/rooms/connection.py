"""WebSocket connection in a room: receives and sends messages, and decides when to close."""

from contextlib import suppress

from fastapi import WebSocket, WebSocketDisconnect
from pydantic import ValidationError

from app.errors import AppError, Unprocessable
from app.features.rooms.dependencies import MessageLimiter
from app.features.rooms.rooms import Participant, Rooms
from app.features.rooms.schemas import RoomError, RoomMessageCreate
from app.features.streams.close_codes import CloseCode
from app.features.streams.session_revalidation import ConnectionGuard
from app.features.streams.websocket import CloseReason, first_to_end, until_ended
from app.http.problem_details import violations
from app.http.problem_schema import ProblemError


async def serve(
    websocket: WebSocket,
    rooms: Rooms,
    participant: Participant,
    limiter: MessageLimiter,
    guard: ConnectionGuard,
) -> CloseReason | None:
    """Serve the socket; return a reason to close it, or None after the client has left."""
    return await first_to_end(
        receive_messages(websocket, rooms, participant, limiter),
        send_messages(websocket, participant),
        until_overflow(participant),
        until_ended(guard),
    )


async def receive_messages(
    websocket: WebSocket, rooms: Rooms, participant: Participant, limiter: MessageLimiter
) -> CloseReason | None:
    """Publish the messages of the client; each frame is read after the last one is stored."""
    while True:
        frame = await websocket.receive()
        if frame["type"] == "websocket.disconnect":
            return None
        if frame.get("text") is None:
            return CloseCode.UNSUPPORTED_DATA, "send text frames"
        await publish(frame["text"], rooms, participant, limiter)
        if limiter.is_flooding:
            return CloseCode.TOO_MANY_MESSAGES, "too many messages"


async def publish(
    text: str, rooms: Rooms, participant: Participant, limiter: MessageLimiter
) -> None:
    """Publish the message to the room, or send the participant the error."""
    try:
        await limiter.permit()
        message = RoomMessageCreate.model_validate_json(text)
        await rooms.publish(participant, message.text)
    except ValidationError as error:
        unprocessable = Unprocessable(violations=violations(error.errors(include_input=False)))
        participant.send(error_envelope(unprocessable))
    except AppError as error:
        participant.send(error_envelope(error))


async def send_messages(websocket: WebSocket, participant: Participant) -> None:
    """Send the envelopes of the participant as they come."""
    # The server may have closed the socket itself before `receive_messages` sees the disconnect.
    with suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await websocket.send_text(await participant.next())


async def until_overflow(participant: Participant) -> CloseReason:
    await participant.overflowed.wait()
    return CloseCode.TOO_SLOW, "too slow"


def error_envelope(error: AppError) -> RoomError:
    rules = error.violations if isinstance(error, Unprocessable) else []
    errors = [
        ProblemError(pointer=each.pointer, message=each.message, code=each.code) for each in rules
    ]
    return RoomError(code=error.code, detail=error.detail, errors=errors)
