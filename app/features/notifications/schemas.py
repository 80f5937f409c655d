"""Schemas of notifications."""

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import Field

from app.http.schemas import LINE, TEXT, In, Out, Storable

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


class NotificationCreate(In):
    subject: Subject
    message: Message


class NotificationRead(Out):
    id: uuid.UUID
    subject: str = Field(max_length=200)
    message: str = Field(max_length=5000)
    created_at: datetime
