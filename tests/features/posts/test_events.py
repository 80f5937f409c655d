"""Events about posts: which changes publish one, and who receives them."""

import asyncio
import uuid

from fastapi import FastAPI

from app.features.events.event_types import may_receive
from app.features.events.lifespan import EventResources
from app.features.users.models.user import User
from app.security.principals import Principal, Role
from tests.conftest import Database, Save
from tests.factories import make_item
from tests.features.posts.factories import make_post
from tests.scopes import SCOPES
from tests.state import resources_of

PATIENCE_SECONDS = 20


def test_event_of_a_published_post_requires_the_posts_scope() -> None:
    others = set(SCOPES) - {"posts:read", "admin"}

    assert may_receive(principal("posts:read"), "post.published", {})
    assert not may_receive(principal(*others), "post.published", {})


def principal(*scopes: str) -> Principal:
    return Principal(uuid.uuid4(), Role.USER, frozenset(scopes))


async def test_events_cover_only_the_publication(
    app: FastAPI, user: User, save: Save, database: Database
) -> None:
    feed = resources_of(app)[EventResources].feed
    start = await feed.end_position()
    await save(make_post(user, body="Not for all users."))
    await database("UPDATE posts SET title = 'Still a draft'")
    await database("UPDATE posts SET status = 'published', published_at = now()")
    await database("UPDATE posts SET status = 'draft', published_at = NULL")
    await save(make_item(user))

    with feed.subscription() as subscription:
        async with asyncio.timeout(PATIENCE_SECONDS):
            messages = subscription.events(start)
            published, last = [(await anext(messages)).event for _ in range(2)]

    assert (published.type, last.type) == ("post.published", "item.created")
    assert "body" not in published.data
