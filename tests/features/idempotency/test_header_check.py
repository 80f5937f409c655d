"""Idempotency-Key that is sent twice."""

from app.features.users.models.user import User
from tests.conftest import As
from tests.factories import item_body


async def test_several_keys_are_a_bad_request(as_user: As, user: User) -> None:
    client = await as_user(user)

    twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    response = await client.post("/api/v1/items", json=item_body(), headers=twice)

    assert (response.status_code, response.json()["code"]) == (400, "repeated_header")
