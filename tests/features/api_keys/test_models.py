"""API keys in the database."""

from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from app.features.api_keys.models import ApiKey
from app.features.users.models.user import User
from tests.db.test_executor import assert_same, shared
from tests.factories import make_user
from tests.scopes import SCOPES


class TestRows:
    @shared
    @given(secret_hash=st.binary(max_size=40), scopes=st.lists(st.sampled_from(SCOPES)))
    async def test_are_read_alike_by_both_pools(
        self, app: FastAPI, user: User, secret_hash: bytes, scopes: list[str]
    ) -> None:
        prefix = f"{make_user().username[:16]}"
        fields = {"user_id": user.id, "prefix": prefix, "scopes": list(scopes)}

        await assert_same(app, ApiKey(name="key", secret_hash=secret_hash, **fields))
