"""Changes of a post under conditions."""

from app.features.users.models.user import User
from tests.changes import Change
from tests.conftest import Save
from tests.features.posts.factories import make_post

POST = {"title": "New", "body": "new"}
CHANGES: list[Change] = [
    ("PUT", "", POST),
    ("PATCH", "", POST),
    ("DELETE", "", None),
    ("PUT", "/publication", None),
]
IS_UNDATED = True


async def path(save: Save, owner: User) -> str:
    return f"/api/v1/posts/{(await save(make_post(owner))).id}"
