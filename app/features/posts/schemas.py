"""Schemas of posts."""

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import MISSING, Field

from app.features.posts.models import Status
from app.http.schemas import LINE, TEXT, In, Out, Storable, Stored

Title = Annotated[
    Storable, Field(min_length=1, max_length=200, examples=["On oiling walnut"]), LINE
]
Body = Annotated[Storable, Field(max_length=20_000, examples=["Thinly, and with the grain."]), TEXT]


class PostCreate(In):
    title: Title
    body: Body


class PostUpdate(In):
    """An omitted field stays as it is; a post has both, so that null is rejected."""

    title: Title | MISSING = MISSING
    body: Body | MISSING = MISSING


class AuthorRead(Out):
    """The public fields of an account."""

    id: uuid.UUID
    username: str = Field(max_length=50)
    full_name: str | None = Field(max_length=100)


class PostRead(Stored):
    title: str = Field(max_length=200)
    body: str = Field(max_length=20_000)
    author_id: uuid.UUID
    author: AuthorRead
    status: Status
    published_at: datetime | None
