"""Seed data: posts of a new development database."""

import uuid

from app.config.settings import Settings
from app.db.unit_of_work import UnitOfWork
from app.features.posts import crud
from app.features.posts.models import Post
from app.features.posts.schemas import EXAMPLE_ID, PostCreate
from app.security.principals import Principal

PUBLISHED = [
    PostCreate(title="On oiling walnut", body="Thinly, with the grain, and twice a year."),
    PostCreate(title="Why brass darkens", body="Leave it: polish takes away what age has given."),
]
DRAFT = PostCreate(title="Wool or linen?", body="Wool keeps its shape. To be continued.")


async def fill(uow: UnitOfWork, user: Principal, _: Settings) -> None:
    """Create two published posts and a draft of the user."""
    for data in PUBLISHED:
        await crud.publish(uow, await crud.create(uow, data, author=user))
    # The example of the OpenAPI document: only a draft can be published.
    uow.session.add(Post(id=uuid.UUID(EXAMPLE_ID), **DRAFT.model_dump(), author_id=user.id))
