"""Items over HTTP."""

from tests.conftest import As
from tests.factories import make_item


class TestReadItem:
    async def test_needs_a_token(self, client):
        response = await client.get("/api/v1/items/018f2f63-0000-7000-8000-000000000000")

        assert response.status_code == 401

    async def test_everybody_signed_in_reads_it(self, as_user: As, save, user, other_user):
        item = await save(make_item(user))

        response = await (await as_user(other_user)).get(f"/api/v1/items/{item.id}")

        assert response.status_code == 200
        assert response.json()["owner_id"] == str(user.id)
