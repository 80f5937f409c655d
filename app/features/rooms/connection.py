"""One WebSocket in a room: what is read, what is written, and why it ends."""

from contextlib import suppress

from fastapi import WebSocket, WebSocketDisconnect
from pydantic import ValidationError

from app.errors import AppError, Unprocessable
from app.features.rooms.dependencies import Speaker
from app.features.rooms.rooms import Member, Rooms
from app.features.rooms.schemas import RoomError, RoomMessageCreate
from app.features.streams.session_revalidation import Watched
from app.features.streams.websocket import CloseReason, first_to_end, until_ended
from app.http.close_codes import CloseCode
from app.http.problem_details import violations
from app.http.problem_schema import ProblemError


async def converse(
    websocket: WebSocket, rooms: Rooms, member: Member, speaker: Speaker, watched: Watched
) -> CloseReason | None:
    """Until the client leaves (None), or there is a reason to close the socket."""
    return await first_to_end(
        listen(websocket, rooms, member, speaker),
        speak(websocket, member),
        until_put_out(member),
        until_ended(watched),
    )


async def listen(
    websocket: WebSocket, rooms: Rooms, member: Member, speaker: Speaker
) -> CloseReason | None:
    """Take what the client sends; the next frame is read once this one is stored."""
    while True:
        frame = await websocket.receive()
        if frame["type"] == "websocket.disconnect":
            return None
        if frame.get("text") is None:
            return CloseCode.UNSUPPORTED_DATA, "send text frames"
        await say(frame["text"], rooms, member, speaker)
        if speaker.is_flooding:
            return CloseCode.TOO_MANY_MESSAGES, "too many messages"


async def say(text: str, rooms: Rooms, member: Member, speaker: Speaker) -> None:
    """Say it in the room, or tell the member why not."""
    try:
        await speaker.permit()
        message = RoomMessageCreate.model_validate_json(text)
        await rooms.say(member, message.text)
    except ValidationError as error:
        broken = Unprocessable(violations=violations(error.errors(include_input=False)))
        member.tell(refusal(broken))
    except AppError as error:
        member.tell(refusal(error))


async def speak(websocket: WebSocket, member: Member) -> None:
    """Send what the member is to hear."""
    # The server may have closed the socket itself, which `listen` hears of at its own pace.
    with suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await websocket.send_text(await member.next())


async def until_put_out(member: Member) -> CloseReason:
    await member.put_out.wait()
    return CloseCode.TOO_SLOW, "too slow"


def refusal(error: AppError) -> RoomError:
    broken = error.violations if isinstance(error, Unprocessable) else []
    errors = [
        ProblemError(pointer=each.pointer, message=each.message, code=each.code) for each in broken
    ]
    return RoomError(code=error.code, detail=error.detail, errors=errors)
