"""Events about posts: who receives them."""

import uuid

from app.features.events.event_types import may_receive
from app.security.principals import Principal, Role, Scope


def test_event_of_a_published_post_requires_the_posts_scope() -> None:
    others = set(Scope) - {Scope.POSTS_READ, Scope.ADMIN}

    assert may_receive(principal(Scope.POSTS_READ), "post.published", {})
    assert not may_receive(principal(*others), "post.published", {})


def principal(*scopes: Scope) -> Principal:
    return Principal(uuid.uuid4(), Role.USER, frozenset(scopes))
