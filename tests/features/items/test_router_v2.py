"""Items in version 2: the same rows, prices that name their currency."""

from decimal import Decimal

import pytest
from httpx2 import AsyncClient

from app.features.users.models.user import User
from tests.conftest import As, Save
from tests.factories import make_item
from tests.problems import broken

ITEMS = "/api/v2/items"
EUROS = {"amount": "12.50", "currency": "EUR"}


class TestReadItemV2:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.get(f"{ITEMS}/018f2f63-0000-7000-8000-000000000000")

        assert response.status_code == 401

    async def test_price_names_its_currency(self, as_user: As, save: Save, user: User) -> None:
        item = await save(make_item(user, price=Decimal("12.50")))

        response = await (await as_user(user)).get(f"{ITEMS}/{item.id}")

        assert response.json()["price"] == EUROS
        assert response.headers["etag"] == '"1"'


class TestListItemsV2:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.get(ITEMS)

        assert response.status_code == 401

    async def test_walks_by_cursor(self, as_user: As, save: Save, user: User) -> None:
        client = await as_user(user)
        names = [(await save(make_item(user, name=f"item {place}"))).name for place in range(3)]

        first = (await client.get(ITEMS, params={"limit": 2, "sort": "name"})).json()
        second = (await client.get(ITEMS, params={"cursor": first["next_cursor"]})).json()

        assert [item["name"] for item in first["items"] + second["items"]] == names
        assert second["next_cursor"] is None

    async def test_has_no_skip(self, as_user: As, save: Save, user: User) -> None:
        await save(make_item(user))

        response = await (await as_user(user)).get(ITEMS, params={"skip": 1})

        assert broken(response) == {"/query/skip": "unknown_parameter"}
        assert "deprecation" not in response.headers


class TestCreateItemV2:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.post(ITEMS, json={})

        assert response.status_code == 401

    async def test_item_exists_in_version_1(self, as_user: As, user: User) -> None:
        client = await as_user(user)

        made = await client.post(ITEMS, json={"name": "Desk", "price": EUROS})

        assert made.status_code == 201
        assert made.headers["location"] == f"http://test{ITEMS}/{made.json()['id']}"
        read = await client.get(f"/api/v1/items/{made.json()['id']}")
        assert read.json()["price"] == "12.50"

    @pytest.mark.parametrize(
        ("price", "pointer", "code"),
        [
            ("12.50", "/body/price", "model_attributes_type"),
            ({"amount": "0", "currency": "EUR"}, "/body/price/amount", "greater_than"),
            ({"amount": "1", "currency": "USD"}, "/body/price/currency", "literal_error"),
            ({"amount": "1"}, "/body/price/currency", "missing"),
        ],
    )
    async def test_broken_price_is_named(
        self, as_user: As, user: User, price: object, pointer: str, code: str
    ) -> None:
        response = await (await as_user(user)).post(ITEMS, json={"name": "Desk", "price": price})

        assert response.status_code == 422
        error = response.json()["errors"][0]
        assert (error["pointer"], error["code"]) == (pointer, code)

    async def test_tax_above_the_price_is_rejected(self, as_user: As, user: User) -> None:
        body = {"name": "Desk", "price": EUROS, "tax": "12.51"}

        response = await (await as_user(user)).post(ITEMS, json=body)

        assert response.json()["errors"][0]["code"] == "tax_above_price"


class TestUpdateItemV2:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.patch(f"{ITEMS}/018f2f63-0000-7000-8000-000000000000", json={})

        assert response.status_code == 401

    async def test_changes_the_given_fields(self, as_user: As, save: Save, user: User) -> None:
        item = await save(make_item(user, name="Desk"))

        response = await (await as_user(user)).patch(
            f"{ITEMS}/{item.id}", json={"price": EUROS}, headers={"If-Match": '"1"'}
        )

        assert response.json()["price"] == EUROS
        assert response.json()["name"] == "Desk"
        assert response.headers["etag"] == '"2"'


class TestDeleteItemV2:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.delete(f"{ITEMS}/018f2f63-0000-7000-8000-000000000000")

        assert response.status_code == 401

    async def test_item_is_gone_in_both_versions(self, as_user: As, save: Save, user: User) -> None:
        item, client = await save(make_item(user)), await as_user(user)

        response = await client.delete(f"{ITEMS}/{item.id}")

        assert response.status_code == 204
        for version in ("v1", "v2"):
            gone = await client.get(f"/api/{version}/items/{item.id}")
            assert gone.status_code == 404
