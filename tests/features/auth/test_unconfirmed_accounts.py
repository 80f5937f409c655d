"""Accounts whose address is not confirmed."""

from httpx2 import AsyncClient

from app.features.auth.models.mailed_token import Purpose
from tests.conftest import As, Save
from tests.factories import make_user
from tests.features.conftest import AUTH, LinkToken
from tests.problems import assert_problem

ITEMS = "/api/v1/items"


class TestUnconfirmedAccount:
    async def test_token_from_before_works_as_soon_as_the_address_is_confirmed(
        self, client: AsyncClient, as_user: As, save: Save, link_token: LinkToken
    ) -> None:
        user = await save(make_user(email_verified=False))
        signed_in = await as_user(user)
        assert_problem(await signed_in.get(ITEMS), 403, "email_not_verified")

        token = await link_token(user, Purpose.VERIFY_EMAIL)
        await client.post(f"{AUTH}/verify-email", json={"token": token})

        assert (await signed_in.get(ITEMS)).status_code == 200
