"""Idempotency-Key: uploads."""

from app.features.users.models.user import User
from tests.conftest import As
from tests.features.idempotency.test_replay import keyed


class TestReplay:
    async def test_upload_is_replayed_only_for_the_same_scopes(
        self, user: User, as_user: As
    ) -> None:
        weak, headers = await as_user(user, scopes=("files:write",)), keyed()
        mighty = await as_user(user)
        responses = [
            await client.post("/api/v1/files", files={"file": ("a.txt", b"text")}, headers=headers)
            for client in (mighty, mighty, weak)
        ]

        first, same, other = responses
        assert same.content == first.content
        assert other.json()["id"] != first.json()["id"]
