"""However reads of different users interleave, no user gets the dashboard of another."""

from tests.conftest import As, Save
from tests.http.test_bodies_of_others import USERS, assert_bodies_are_own, marked_user


async def test_no_client_gets_the_body_of_another(as_user: As, save: Save) -> None:
    clients = [await as_user(await marked_user(number, save)) for number in range(USERS)]

    paths = ("/api/v1/users/me", "/api/v1/users/me/items", "/api/v1/dashboard")
    await assert_bodies_are_own(clients, paths)
