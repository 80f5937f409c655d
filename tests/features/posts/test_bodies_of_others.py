"""However reads of different users interleave, no user gets the posts of another."""

from tests.conftest import As, Save
from tests.features.posts.factories import make_post
from tests.http.test_bodies_of_others import USERS, assert_bodies_are_own, marked_user


async def test_no_client_gets_the_body_of_another(as_user: As, save: Save) -> None:
    users = [await marked_user(number, save) for number in range(USERS)]
    for number, user in enumerate(users):
        await save(make_post(user, title=f"mark-{number}-end"))
    clients = [await as_user(user) for user in users]

    paths = ("/api/v1/users/me", "/api/v1/users/me/posts", "/api/v1/posts?status=draft")
    await assert_bodies_are_own(clients, paths)
