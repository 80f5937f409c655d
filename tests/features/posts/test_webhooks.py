"""Webhooks about posts: deliveries of published ones, to those who may read them."""

import pytest
from fastapi import FastAPI

from app.features.events.crud import consumer_offsets
from app.features.users.models.user import User
from app.features.webhooks.crud import webhooks
from tests.conftest import Database, Save
from tests.features.posts.factories import make_post
from tests.features.webhooks.factories import make_webhook
from tests.features.webhooks.test_dispatcher import WRITTEN, dispatch_all, new_dispatcher
from tests.state import units_of_work


@pytest.mark.parametrize(("scope", "expected"), [("posts:read", 1), ("items:read", 0)])
async def test_publication_is_delivered_to_readers_of_posts(
    app: FastAPI, save: Save, database: Database, user: User, scope: str, expected: int
) -> None:
    async with units_of_work(app).begin() as uow:
        await consumer_offsets.begin(uow, webhooks.READER)
    await save(make_webhook(user, scopes=[scope]))
    await save(make_post(user))
    await database("UPDATE posts SET status = 'published', published_at = now()")

    await dispatch_all(new_dispatcher(app))

    types = [row["event_type"] for row in await database(WRITTEN)]
    assert types == ["post.published"] * expected
