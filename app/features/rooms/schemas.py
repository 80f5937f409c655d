"""Schemas of room messages: one JSON object in each text frame."""

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from app.http.problem_details import MESSAGES
from app.http.problem_schema import ProblemError
from app.http.schemas import TEXT, RequestModel, ResponseModel, Storable
from app.runtime.clock import now
from app.runtime.ids import uuid7

MAX_TEXT = 60_000
MAX_PRESENT = 1000

ROOM_NAME = "^[A-Za-z0-9._-]{1,64}$"
RoomName = Annotated[str, StringConstraints(pattern=ROOM_NAME, max_length=64)]
MESSAGES[ROOM_NAME] = "Use 1 to 64 letters, digits, dots, underscores and hyphens"


class RoomMessageCreate(RequestModel):
    """What a client sends."""

    type: Literal["message"]
    text: Annotated[
        Storable, Field(min_length=1, max_length=MAX_TEXT, examples=["Good morning!"]), TEXT
    ]


class Participant(ResponseModel):
    id: uuid.UUID
    username: str = Field(max_length=50, examples=["ada"])


class RoomEvent(ResponseModel):
    """An event in the room, with its user and time; the same for all participants."""

    type: Literal["message", "join", "leave"]
    id: uuid.UUID = Field(default_factory=uuid7)
    room: RoomName
    user: Participant
    at: datetime = Field(default_factory=now)


class RoomMessageRead(RoomEvent):
    type: Literal["message"] = "message"
    text: str = Field(max_length=MAX_TEXT)


class RoomJoin(RoomEvent):
    """A user joined, with a first socket."""

    type: Literal["join"] = "join"


class RoomLeave(RoomEvent):
    """A user left: the last socket was closed."""

    type: Literal["leave"] = "leave"


class RoomPresence(ResponseModel):
    """The first envelope on each socket: all participants, including the own user."""

    type: Literal["presence"] = "presence"
    room: RoomName
    users: list[Participant] = Field(max_length=MAX_PRESENT)
    count: int = Field(ge=0, description="All of them, also beyond those that are listed.")


class RoomError(ResponseModel):
    """Why the last frame had no effect; the codes are those of the problems."""

    type: Literal["error"] = "error"
    code: str = Field(max_length=100, examples=["validation_failed"])
    detail: str = Field(max_length=1000)
    errors: list[ProblemError] = Field(default_factory=list, max_length=1000)
