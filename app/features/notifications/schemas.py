"""Schemas of notifications."""

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import Field

from app.http.schemas import LINE, TEXT, RequestModel, ResponseModel, Storable

Subject = Annotated[
    Storable,
    Field(min_length=1, max_length=200, examples=["Your order"]),
    LINE,
]
Message = Annotated[
    Storable,
    Field(min_length=1, max_length=5000, examples=["It leaves the workshop on Friday."]),
    TEXT,
]


class NotificationCreate(RequestModel):
    subject: Subject
    """Subject of the mail, 1 to 200 characters on one line."""
    message: Message
    """Text of the message, 1 to 5,000 characters."""


class NotificationRead(ResponseModel):
    id: uuid.UUID
    """Id of the notification."""
    subject: str = Field(max_length=200)
    """Subject of the message."""
    message: str = Field(max_length=5000)
    """Text of the message."""
    created_at: datetime
    """Time at which it was sent."""
