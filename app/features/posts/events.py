"""Event types of posts: published posts, without their text."""

import uuid
from datetime import datetime

from app.features.events.event_types import EventTypes
from app.features.posts.scopes import POSTS_READ
from app.http.schemas import Stored


class PublishedPostRead(Stored):
    """A post without its text, which is read by its id as long as it is published."""

    title: str
    author_id: uuid.UUID
    published_at: datetime


extension = EventTypes("post", ("published",), PublishedPostRead, POSTS_READ)
