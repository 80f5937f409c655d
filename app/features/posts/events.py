"""Event types of posts: published posts, without their text."""

import uuid
from datetime import datetime

from pydantic import Field

from app.features.events.event_types import EventTypes
from app.features.posts.scopes import POSTS_READ
from app.http.schemas import Stored


class PublishedPostRead(Stored):
    """A post without its text, which is read by its id as long as it is published."""

    title: str = Field(max_length=200, examples=["On oiling walnut"])
    """Title of the post."""
    author_id: uuid.UUID
    """Id of the author."""
    published_at: datetime
    """Time of the publication."""


extension = EventTypes("post", ("published",), PublishedPostRead, POSTS_READ)
