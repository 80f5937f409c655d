"""Webhooks that receive the events of posts."""

from app.features.users.models.user import User
from tests.conftest import As
from tests.features.webhooks.test_router import create
from tests.problems import assert_problem


async def test_event_without_the_scope_is_rejected(as_user: As, user: User) -> None:
    client = await as_user(user, scopes=("webhooks:manage", "posts:read"))

    response = await create(client, events=["post.published", "item.created"])

    body = assert_problem(response, 403, "insufficient_scope")
    assert "items:read" in body["detail"]
    assert (await create(client, events=["post.published"])).status_code == 201
