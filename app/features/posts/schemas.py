"""Schemas of posts."""

import uuid
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import MISSING, Field

from app.features.posts.models import Status
from app.http.schemas import LINE, TEXT, RequestModel, ResponseModel, Storable, Stored

# Of the seed data, so that an example that is executed untouched succeeds.
EXAMPLE_ID = "01900000-0000-7000-8000-000000004001"
Title = Annotated[
    Storable, Field(min_length=1, max_length=200, examples=["On oiling walnut"]), LINE
]
Body = Annotated[Storable, Field(max_length=20_000, examples=["Thinly, and with the grain."]), TEXT]


class PostCreate(RequestModel):
    title: Title
    """Title, 1 to 200 characters on one line."""
    body: Body
    """Text of the post, up to 20,000 characters."""


class PostUpdate(RequestModel):
    """An omitted field stays as it is; a post has both, so that null is rejected."""

    title: Title | MISSING = MISSING
    """Title, 1 to 200 characters on one line."""
    body: Body | MISSING = MISSING
    """Text of the post, up to 20,000 characters."""


class AuthorRead(ResponseModel):
    """The public fields of an account."""

    id: uuid.UUID
    """Id of the author."""
    username: str = Field(max_length=50)
    """Username of the author."""
    full_name: str | None = Field(max_length=100)
    """Name of the author, or null."""


class PostRead(Stored):
    # The author is another row.
    has_unversioned_fields: ClassVar[bool] = True

    title: str = Field(max_length=200)
    """Title of the post."""
    body: str = Field(max_length=20_000)
    """Text of the post."""
    author_id: uuid.UUID
    """Id of the author."""
    author: AuthorRead
    """The author."""
    status: Status
    """Whether all users see the post, or its author and administrators alone."""
    published_at: datetime | None
    """Time of the publication, or null for a draft."""
