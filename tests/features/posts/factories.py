"""Valid posts with one call."""

from typing import Any

from app.features.posts.models import Post
from app.features.users.models.user import User
from app.runtime.clock import now
from tests.conftest import Save


def make_post(author: User, **fields: Any) -> Post:
    return Post(**{"title": "On oiling walnut", "body": "Thinly.", "author_id": author.id} | fields)


def make_published_post(author: User, **fields: Any) -> Post:
    post = make_post(author, **fields)
    post.publish(at=now())
    return post


async def save_listed(save: Save, owner: User) -> None:
    """Store one that the owner finds in the list."""
    await save(make_published_post(owner))
