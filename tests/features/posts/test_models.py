"""States of a post: draft and published."""

from datetime import UTC, datetime

import pytest

from app.features.posts.models import AlreadyPublished, NotPublished, Post, Status
from tests.factories import make_user
from tests.features.posts.factories import make_post, make_published_post

NOON = datetime(2027, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def draft() -> Post:
    return make_post(make_user())


@pytest.fixture
def published() -> Post:
    return make_published_post(make_user())


class TestPublish:
    def test_draft_is_published_now(self, draft: Post) -> None:
        draft.publish(at=NOON)

        assert (draft.status, draft.published_at) == (Status.PUBLISHED, NOON)

    def test_published_post_is_rejected_and_keeps_its_time(self, published: Post) -> None:
        published_at = published.published_at

        with pytest.raises(AlreadyPublished):
            published.publish(at=NOON)

        assert published.published_at == published_at


class TestUnpublish:
    def test_published_post_is_a_draft_again(self, published: Post) -> None:
        published.unpublish()

        assert (published.status, published.published_at) == (Status.DRAFT, None)

    def test_draft_is_rejected(self, draft: Post) -> None:
        with pytest.raises(NotPublished):
            draft.unpublish()

    def test_draft_may_be_published_again(self, published: Post) -> None:
        published.unpublish()
        published.publish(at=NOON)

        assert (published.status, published.published_at) == (Status.PUBLISHED, NOON)
