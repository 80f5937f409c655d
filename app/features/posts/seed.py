"""Seed data: posts of a new development database."""

from app.db.unit_of_work import UnitOfWork
from app.features.posts import crud
from app.features.posts.schemas import PostCreate
from app.security.principals import Principal

PUBLISHED = [
    PostCreate(title="On oiling walnut", body="Thinly, with the grain, and twice a year."),
    PostCreate(title="Why brass darkens", body="Leave it: polish takes away what age has given."),
]
DRAFT = PostCreate(title="Wool or linen?", body="Wool keeps its shape. To be continued.")


async def fill(uow: UnitOfWork, user: Principal) -> None:
    """Create two published posts and a draft of the user."""
    for data in PUBLISHED:
        await crud.publish(uow, await crud.create(uow, data, author=user))
    await crud.create(uow, DRAFT, author=user)
