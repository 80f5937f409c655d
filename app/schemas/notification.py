"""Notifications on the wire."""

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from app.schemas.base import In, Line, Out, Text


def one_line(text: str) -> str:
    # As mails see it, which could never be sent otherwise: U+2028 ends a line, too.
    if len(text.splitlines()) > 1:
        raise PydanticCustomError("line_break", "A subject is one line")
    return text


Subject = Annotated[
    Line, Field(min_length=1, max_length=200, examples=["Your order"]), AfterValidator(one_line)
]
Message = Annotated[
    Text, Field(min_length=1, max_length=5000, examples=["It leaves the workshop on Friday."])
]


class NotificationCreate(In):
    subject: Subject
    message: Message


class NotificationRead(Out):
    id: uuid.UUID
    subject: str = Field(max_length=200)
    message: str = Field(max_length=5000)
    created_at: datetime
