"""Events about posts: who receives them."""

import uuid

from app.features.events.event_types import may_receive
from app.security.principals import Principal, Role
from tests.scopes import SCOPES


def test_event_of_a_published_post_requires_the_posts_scope() -> None:
    others = set(SCOPES) - {"posts:read", "admin"}

    assert may_receive(principal("posts:read"), "post.published", {})
    assert not may_receive(principal(*others), "post.published", {})


def principal(*scopes: str) -> Principal:
    return Principal(uuid.uuid4(), Role.USER, frozenset(scopes))
