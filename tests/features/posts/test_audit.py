"""Actions on posts in the audit log."""

from app.features.users.models.user import User
from tests.conftest import As

POSTS = "/api/v1/posts"


async def test_names_each_action_of_a_post(as_user: As, user: User, admin: User) -> None:
    client = await as_user(user)
    post_id = (await client.post(POSTS, json={"title": "T", "body": "B"})).json()["id"]
    await client.put(f"{POSTS}/{post_id}/publication")
    await client.delete(f"{POSTS}/{post_id}/publication")
    await client.delete(f"{POSTS}/{post_id}")

    reader = await as_user(admin)
    params = {"sort": "created_at", "resource_id": post_id}
    entries = (await reader.get("/api/v1/audit", params=params)).json()["items"]
    assert [entry["action"] for entry in entries] == [
        "post.created", "post.published", "post.unpublished", "post.deleted",
    ]  # fmt: skip
