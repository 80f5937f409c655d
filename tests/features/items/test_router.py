"""Items over HTTP."""

import asyncio
import json
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI, Request
from httpx2 import AsyncClient, Response
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.errors import Violation
from app.features.items.models import Item, ItemRow
from app.features.items.router import batch_response
from app.features.items.schemas import ItemBatchRead
from app.features.users.models.user import User
from app.http.cursors import CursorSigner
from app.http.header_fields import list_members
from app.http.resources import HttpResources
from app.security.resources import RequestRateLimit
from tests.cleaner import Cleaner
from tests.conftest import As, Running, Save, access_token, new_client
from tests.factories import item_body, make_item, make_user
from tests.problems import assert_problem, broken
from tests.state import replaced, resources_of, units_of_work

ITEMS = "/api/v1/items"
BATCH = f"{ITEMS}/batch"
JSON = {"Content-Type": "application/json"}
SORTS = ["name", "-name", "price", "-price", "created_at", "-created_at"]
UNKNOWN_ID = uuid.UUID("018f2f63-0000-7000-8000-000000000000")


@pytest.fixture
async def owner(as_user: As, user: User) -> AsyncClient:
    return await as_user(user)


@pytest.fixture
async def other_client(as_user: As, other_user: User) -> AsyncClient:
    return await as_user(other_user)


@pytest.fixture
async def item(save: Save, user: User) -> Item:
    return await save(make_item(user))


def url(item: Item) -> str:
    return f"{ITEMS}/{item.id}"


def names(response: Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [item["name"] for item in response.json()["items"]]


async def walk(client: AsyncClient, **params: Any) -> list[dict[str, Any]]:
    """Every item, page by page."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        response = await client.get(ITEMS, params=params | cursor)
        assert response.status_code == 200, response.text
        found += response.json()["items"]
        if response.json()["next_cursor"] is None:
            return found
        cursor = {"cursor": response.json()["next_cursor"]}


def links(response: Response) -> dict[str, str]:
    """The targets of the Link header by their relation."""
    parts = [part.split(";") for part in list_members(response.headers["Link"])]
    return {rest[0].strip()[5:-1]: target.strip("<>") for target, *rest in parts}


class TestListItems:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.get(ITEMS)

        assert_problem(response, 401, "unauthenticated")

    async def test_needs_the_scope_to_read_items(self, as_user: As, user: User) -> None:
        client = await as_user(user, scopes=("users:read",))

        response = await client.get(ITEMS)

        assert "items:read" in assert_problem(response, 403, "insufficient_scope")["detail"]

    async def test_every_user_sees_the_items_of_all(
        self, as_user: As, guest: User, item: Item
    ) -> None:
        client = await as_user(guest)

        response = await client.get(ITEMS)

        assert names(response) == [item.name]

    async def test_no_items_are_an_empty_page(self, owner: AsyncClient) -> None:
        response = await owner.get(ITEMS)

        assert response.json() == {"items": [], "next_cursor": None, "total": None}

    async def test_newest_come_first(self, owner: AsyncClient, user: User, save: Save) -> None:
        for name in ("first", "second", "third"):
            await save(make_item(user, name=name))

        response = await owner.get(ITEMS)

        assert names(response) == ["third", "second", "first"]

    async def test_deleted_items_are_left_out(
        self, owner: AsyncClient, user: User, save: Save
    ) -> None:
        await save(make_item(user, deleted_at=datetime.now(UTC)))

        response = await owner.get(ITEMS, params={"include_total": True})

        assert response.json() == {"items": [], "next_cursor": None, "total": 0}

    @pytest.mark.parametrize(
        ("params", "expected"),
        [
            ({"tag": "wood"}, ["chair", "desk"]),
            ({"tag": ["wood", "oak"]}, ["desk"]),
            ({"tag": "steel"}, []),
            ({"min_price": "20"}, ["desk", "lamp"]),
            ({"max_price": "20.00"}, ["chair", "desk"]),
            ({"min_price": "20", "max_price": "20"}, ["desk"]),
            ({"tag": "wood", "max_price": "10"}, ["chair"]),
        ],
    )
    async def test_filters_must_all_match(
        self,
        owner: AsyncClient,
        user: User,
        save: Save,
        params: dict[str, Any],
        expected: list[str],
    ) -> None:
        await save(make_item(user, name="desk", price=Decimal(20), tags=["oak", "wood"]))
        await save(make_item(user, name="chair", price=Decimal(10), tags=["wood"]))
        await save(make_item(user, name="lamp", price=Decimal(30), tags=[]))

        response = await owner.get(ITEMS, params=params | {"sort": "name", "include_total": True})

        assert names(response) == expected
        assert response.json()["total"] == len(expected)

    async def test_owner_filters(
        self, owner: AsyncClient, user: User, other_user: User, save: Save
    ) -> None:
        await save(make_item(user, name="mine"))
        await save(make_item(other_user, name="theirs"))

        response = await owner.get(ITEMS, params={"owner_id": str(other_user.id)})

        assert names(response) == ["theirs"]

    @pytest.mark.parametrize(
        ("sort", "expected"),
        [
            ("name", ["a1", "a2", "b1"]),
            ("-name", ["b1", "a2", "a1"]),
            ("price", ["a2", "b1", "a1"]),
            ("-price,name", ["a1", "b1", "a2"]),
            ("-price,-name", ["b1", "a1", "a2"]),
            ("price, created_at", ["a2", "b1", "a1"]),
            ("", ["a1", "a2", "b1"]),
        ],
    )
    async def test_sorts_by_several_fields(
        self, owner: AsyncClient, user: User, save: Save, sort: str, expected: list[str]
    ) -> None:
        for name, price in (("b1", 2), ("a2", 1), ("a1", 2)):
            await save(make_item(user, name=name, price=Decimal(price)))

        response = await owner.get(ITEMS, params={"sort": sort})

        assert names(response) == expected

    @pytest.mark.parametrize(
        "sort", ["owner_id", "-", "--name", "name,", "name,name", "name,-name", "Name", "name;--"]
    )
    async def test_unknown_sort_is_rejected(self, owner: AsyncClient, sort: str) -> None:
        response = await owner.get(ITEMS, params={"sort": sort})

        assert broken(response) == {"/query/sort": "unknown_sort"}

    @pytest.mark.parametrize(
        ("params", "pointer"),
        [
            ({"limit": "0"}, "/query/limit"),
            ({"limit": "101"}, "/query/limit"),
            ({"limit": "ten"}, "/query/limit"),
            ({"limit": "9" * 5000}, "/query/limit"),
            ({"skip": "-1"}, "/query/skip"),
            ({"skip": "10001"}, "/query/skip"),
            ({"cursor": "c" * 2001}, "/query/cursor"),
            ({"sort": "s" * 201}, "/query/sort"),
            ({"tag": "Wood"}, "/query/tag/0"),
            ({"tag": ["wood"] * 21}, "/query/tag"),
            ({"owner_id": "me"}, "/query/owner_id"),
            ({"min_price": "-1"}, "/query/min_price"),
            ({"min_price": "NaN"}, "/query/min_price"),
            ({"min_price": "1e999"}, "/query/min_price"),
            ({"max_price": "1.001"}, "/query/max_price"),
            ({"include_total": "perhaps"}, "/query/include_total"),
        ],
    )
    async def test_parameter_out_of_bounds_is_rejected(
        self, owner: AsyncClient, params: dict[str, Any], pointer: str
    ) -> None:
        response = await owner.get(ITEMS, params=params)

        assert broken(response).keys() == {pointer}

    async def test_skips_and_limits(self, owner: AsyncClient, user: User, save: Save) -> None:
        for name in "abcd":
            await save(make_item(user, name=name))

        response = await owner.get(ITEMS, params={"sort": "name", "skip": 1, "limit": 2})

        assert names(response) == ["b", "c"]

    async def test_skipping_is_deprecated(self, owner: AsyncClient) -> None:
        response = await owner.get(ITEMS, params={"skip": 1})

        assert int(response.headers["Deprecation"].removeprefix("@")) > 0
        assert parsedate_to_datetime(response.headers["Sunset"]) > datetime.now(UTC)
        assert links(response)["deprecation"] == "http://test/docs"

    async def test_first_page_is_not_deprecated(self, owner: AsyncClient) -> None:
        response = await owner.get(ITEMS, params={"skip": 0})

        assert not {"deprecation", "sunset"} & response.headers.keys()


class TestWalkItems:
    async def test_links_keep_the_query(self, owner: AsyncClient, user: User, save: Save) -> None:
        for _ in range(3):
            await save(make_item(user, tags=["a", "b"]))

        page = await owner.get(ITEMS, params={"limit": 1, "skip": 1, "tag": ["a", "b"]})

        query = {"limit": ["1"], "tag": ["a", "b"]}
        cursor = page.json()["next_cursor"]
        assert parse_qs(urlsplit(links(page)["first"]).query) == query
        assert parse_qs(urlsplit(links(page)["next"]).query) == query | {"cursor": [cursor]}

    async def test_next_links_lead_to_the_end(
        self, owner: AsyncClient, user: User, save: Save
    ) -> None:
        for name in "abc":
            await save(make_item(user, name=name))

        first = await owner.get(ITEMS, params={"sort": "name", "limit": 2})
        last = await owner.get(links(first)["next"])

        assert names(first) + names(last) == ["a", "b", "c"]
        assert "next" not in links(last)

    async def test_full_last_page_has_no_next(
        self, owner: AsyncClient, user: User, save: Save
    ) -> None:
        for _ in range(2):
            await save(make_item(user))

        response = await owner.get(ITEMS, params={"limit": 2})

        assert response.json()["next_cursor"] is None

    async def test_cursor_remembers_the_sort(
        self, owner: AsyncClient, user: User, save: Save
    ) -> None:
        for name in "abc":
            await save(make_item(user, name=name))
        first = await owner.get(ITEMS, params={"sort": "-name", "limit": 1})

        second = await owner.get(ITEMS, params={"cursor": first.json()["next_cursor"], "limit": 1})

        assert names(second) == ["b"]

    @pytest.mark.parametrize("params", [{"sort": "price"}, {"sort": "name", "skip": 1}])
    async def test_cursor_with_another_sort_is_rejected(
        self, owner: AsyncClient, user: User, save: Save, params: dict[str, Any]
    ) -> None:
        for _ in range(2):
            await save(make_item(user))
        first = await owner.get(ITEMS, params={"sort": "name", "limit": 1})
        cursor = first.json()["next_cursor"]

        response = await owner.get(ITEMS, params=params | {"cursor": cursor})

        assert_problem(response, 400, "invalid_cursor")

    @pytest.mark.parametrize(
        "cursor", ["", "x", "=", "é", "%00", "a" * 22, "YWJj" * 8, "../../etc/passwd"]
    )
    async def test_made_up_cursor_is_rejected(self, owner: AsyncClient, cursor: str) -> None:
        response = await owner.get(ITEMS, params={"cursor": cursor})

        assert_problem(response, 400, "invalid_cursor")

    async def test_tampered_cursor_is_rejected(
        self, owner: AsyncClient, user: User, save: Save
    ) -> None:
        for _ in range(2):
            await save(make_item(user))
        cursor = (await owner.get(ITEMS, params={"limit": 1})).json()["next_cursor"]
        swapped = "B" if cursor[30] == "A" else "A"

        response = await owner.get(ITEMS, params={"cursor": cursor[:30] + swapped + cursor[31:]})

        assert_problem(response, 400, "invalid_cursor")

    async def test_cursor_of_another_service_is_rejected(self, owner: AsyncClient) -> None:
        cursor = CursorSigner("another secret").sign(
            ["items", ["-created_at"], ["2026-01-01", str(UNKNOWN_ID)]]
        )

        response = await owner.get(ITEMS, params={"cursor": cursor})

        assert_problem(response, 400, "invalid_cursor")

    async def test_cursor_of_a_sort_that_is_gone_is_rejected(
        self, app: FastAPI, owner: AsyncClient
    ) -> None:
        signer = resources_of(app)[HttpResources].cursor_signer
        cursor = signer.sign(["items", ["-weight"], ["3", str(UNKNOWN_ID)]])

        response = await owner.get(ITEMS, params={"cursor": cursor})

        assert_problem(response, 400, "invalid_cursor")

    @pytest.mark.parametrize("sort", ["username", "created_at", "-created_at"])
    async def test_cursor_of_another_list_is_rejected(
        self, as_user: As, admin: User, user: User, sort: str
    ) -> None:
        client = await as_user(admin)
        users = await client.get("/api/v1/users", params={"limit": 1, "sort": sort})

        response = await client.get(ITEMS, params={"cursor": users.json()["next_cursor"]})

        assert_problem(response, 400, "invalid_cursor")

    async def test_cursor_of_the_longest_names_is_accepted(
        self, owner: AsyncClient, user: User, save: Save
    ) -> None:
        for _ in range(2):
            await save(make_item(user, name="\U0001f9ff" * 100))

        found = await walk(owner, limit=1, sort="-created_at,price,-name")

        assert len({item["id"] for item in found}) == 2

    @settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @example(sort="name,-price", limit=1, start=3, changes=[(0, True)])
    @given(
        sort=st.lists(st.sampled_from(SORTS), unique_by=lambda s: s.strip("-")).map(",".join),
        limit=st.integers(1, 4),
        start=st.integers(0, 9),
        changes=st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=8),
    )
    async def test_returns_unchanged_items_exactly_once(
        self,
        app: FastAPI,
        cleaner: Cleaner,
        save: Save,
        sort: str,
        limit: int,
        start: int,
        changes: list[tuple[int, bool]],
    ) -> None:
        await cleaner.empty_tables()
        user = await save(make_user())
        stock = [await save(twin(user, number)) for number in range(start)]
        stays = {str(item.id) for item in stock}
        seen: list[str] = []

        async with new_client(app, Authorization=f"Bearer {await access_token(app, user)}") as me:
            params: dict[str, Any] = {"limit": limit, "sort": sort}
            while params.get("cursor", "first"):
                page = (await me.get(ITEMS, params=params)).json()
                seen += [item["id"] for item in page["items"]]
                params["cursor"] = page["next_cursor"]
                for number, is_insert in changes[:1]:
                    if is_insert:
                        await save(twin(user, number))
                    elif stock:
                        gone = stock.pop(number % len(stock))
                        stays.discard(str(gone.id))
                        await me.delete(url(gone))
                changes = changes[1:]

        assert len(seen) == len(set(seen))
        assert stays <= set(seen)


def twin(user: User, number: int) -> Item:
    """An item with the same name and price as others."""
    return make_item(user, name="ab"[number % 2], price=Decimal(1 + number % 3))


class TestCreateItem:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.post(ITEMS, json=item_body())

        assert_problem(response, 401, "unauthenticated")

    async def test_guest_is_rejected(self, as_user: As, guest: User) -> None:
        client = await as_user(guest)

        response = await client.post(ITEMS, json=item_body())

        assert "items:write" in assert_problem(response, 403, "insufficient_scope")["detail"]

    async def test_returns_the_item_and_its_location(self, owner: AsyncClient, user: User) -> None:
        response = await owner.post(ITEMS, json=item_body(tax="19", tags=["wood"]))
        found = await owner.get(response.headers["Location"])

        assert response.status_code == 201
        assert response.headers["ETag"] == '"1"'
        assert response.json() == found.json()
        assert response.json()["owner_id"] == str(user.id)

    async def test_absent_fields_get_defaults(self, owner: AsyncClient) -> None:
        response = await owner.post(ITEMS, json={"name": "Desk", "price": 10})

        item = response.json()
        assert (item["description"], item["tax"], item["tags"]) == (None, "0.00", [])
        assert (item["processed_at"], item["version"]) == (None, 1)

    @pytest.mark.parametrize(
        ("price", "expected"),
        [
            (10, "10.00"),
            (9.5, "9.50"),
            (0.01, "0.01"),
            ("7", "7.00"),
            ("0007.10", "7.10"),
            ("9999.99", "9999.99"),
            (1e2, "100.00"),
            (10000, "10000.00"),
        ],
    )
    async def test_money_has_two_places(
        self, owner: AsyncClient, price: Any, expected: str
    ) -> None:
        response = await owner.post(ITEMS, json=item_body(price=price))

        assert response.json()["price"] == expected

    async def test_text_is_trimmed(self, owner: AsyncClient) -> None:
        response = await owner.post(ITEMS, json=item_body(name=" Desk\n", description="\t"))

        assert response.json()["name"] == "Desk"
        assert response.json()["description"] == ""

    @pytest.mark.parametrize(
        ("field", "value", "code"),
        [
            ("name", "", "string_too_short"),
            ("name", "  ", "string_too_short"),
            ("name", "x" * 101, "string_too_long"),
            ("name", None, "string_type"),
            ("name", 7, "string_type"),
            ("name", True, "string_type"),
            ("name", ["Desk"], "string_type"),
            ("name", "nul\0", "text_unstorable"),
            ("description", "x" * 501, "string_too_long"),
            ("description", "\0", "text_unstorable"),
            ("price", None, "decimal_type"),
            ("price", True, "decimal_type"),
            ("price", [], "decimal_type"),
            ("price", [0, [1, 2], -2], "decimal_type"),
            ("price", {}, "decimal_type"),
            ("price", "", "decimal_parsing"),
            ("price", "ten", "decimal_parsing"),
            ("price", "1,5", "decimal_parsing"),
            ("price", "1_000", "decimal_parsing"),
            ("price", "\uff11\uff12", "decimal_parsing"),
            ("price", " 12", "decimal_parsing"),
            ("price", "NaN", "decimal_parsing"),
            ("price", "sNaN", "decimal_parsing"),
            ("price", "-Infinity", "decimal_parsing"),
            ("price", 0, "greater_than"),
            ("price", "-0.00", "greater_than"),
            ("price", -1, "greater_than"),
            ("price", "0.001", "decimal_max_places"),
            ("price", 1.005, "decimal_max_places"),
            ("price", "10000.01", "less_than_equal"),
            ("price", 10**400, "decimal_max_digits"),
            ("price", "1e999999999", "decimal_parsing"),
            ("price", 2**63, "decimal_max_digits"),
            ("tax", None, "decimal_type"),
            ("tax", -1, "greater_than_equal"),
            ("tax", "100.01", "less_than_equal"),
            ("tax", "90.01", "tax_above_price"),
            ("tags", None, "list_type"),
            ("tags", "wood", "list_type"),
            ("tags", {"wood": 1}, "list_type"),
            ("tags", ["wood"] * 21, "too_long"),
            ("id", str(UNKNOWN_ID), "extra_forbidden"),
            ("owner_id", str(UNKNOWN_ID), "extra_forbidden"),
            ("a/b~c", 1, "extra_forbidden"),
        ],
    )
    async def test_broken_rule_is_named(
        self, owner: AsyncClient, field: str, value: Any, code: str
    ) -> None:
        response = await owner.post(ITEMS, json=item_body(price=90) | {field: value})

        pointer = "/body/" + field.replace("~", "~0").replace("/", "~1")
        assert broken(response) == {pointer: code}

    @pytest.mark.parametrize("tag", ["", "Wood", "wo od", "wood\n", "x" * 31, "höhe", 7, None])
    async def test_tag_is_a_slug(self, owner: AsyncClient, tag: Any) -> None:
        response = await owner.post(ITEMS, json=item_body(tags=["wood", tag]))

        assert broken(response).keys() == {"/body/tags/1"}

    async def test_price_and_tax_together_are_bounded(self, owner: AsyncClient) -> None:
        response = await owner.post(ITEMS, json=item_body(price="9990", tax="10.01"))

        assert broken(response) == {"/body/tax": "gross_price_too_high"}

    async def test_all_invalid_fields_are_named_at_once(self, owner: AsyncClient) -> None:
        response = await owner.post(ITEMS, json={"price": "x", "tax": -1, "tags": [""], "color": 1})

        assert broken(response).keys() == {
            "/body/name",
            "/body/price",
            "/body/tax",
            "/body/tags/0",
            "/body/color",
        }

    @pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999"])
    async def test_not_a_number_is_rejected(self, owner: AsyncClient, number: bytes) -> None:
        response = await owner.post(
            ITEMS, content=b'{"name": "Desk", "price": %b}' % number, headers=JSON
        )

        assert broken(response) == {"/body/price": "finite_number"}

    @pytest.mark.parametrize("text", [rb"\ud800", rb"\udfff x", rb"a\ud83d", rb"\ude00\ud83d"])
    @pytest.mark.parametrize("field", [b"name", b"description"])
    async def test_lone_surrogate_is_rejected(
        self, owner: AsyncClient, field: bytes, text: bytes
    ) -> None:
        content = b'{"name": "Desk", "price": 1, "%b": "%b"}' % (field, text)

        response = await owner.post(ITEMS, content=content, headers=JSON)

        assert broken(response).keys() == {f"/body/{field.decode()}"}

    async def test_surrogate_pair_is_one_character(self, owner: AsyncClient) -> None:
        content = rb'{"name": "\ud83d\ude00", "price": 1}'

        response = await owner.post(ITEMS, content=content, headers=JSON)

        assert response.json()["name"] == "\U0001f600"

    @pytest.mark.parametrize("body", [[], "item", 7, None, True, [item_body()]])
    async def test_body_must_be_an_object(self, owner: AsyncClient, body: Any) -> None:
        response = await owner.post(ITEMS, content=json.dumps(body).encode(), headers=JSON)

        assert broken(response).keys() == {"/body"}

    async def test_rejected_item_is_not_stored(self, owner: AsyncClient) -> None:
        await owner.post(ITEMS, json=item_body(tax=-1))

        assert await walk(owner) == []


class TestReadItem:
    async def test_needs_a_token(self, client: AsyncClient, item: Item) -> None:
        response = await client.get(url(item))

        assert_problem(response, 401, "unauthenticated")

    async def test_every_authenticated_user_may_read(
        self, other_client: AsyncClient, item: Item
    ) -> None:
        response = await other_client.get(url(item))

        assert response.status_code == 200
        assert response.json()["owner_id"] == str(item.owner_id)

    async def test_carries_its_validators(self, owner: AsyncClient, item: Item) -> None:
        response = await owner.get(url(item))

        assert response.headers["ETag"] == '"1"'
        changed = parsedate_to_datetime(response.headers["Last-Modified"])
        assert timedelta(0) <= datetime.now(UTC) - changed < timedelta(minutes=5)

    async def test_times_are_in_utc(self, owner: AsyncClient, item: Item) -> None:
        response = await owner.get(url(item))

        assert response.json()["created_at"].endswith("Z")

    @pytest.mark.parametrize("known", ['"1"', 'W/"1"', '"0", "1"', '"0",W/"1"', "*"])
    async def test_known_item_is_not_sent_again(
        self, owner: AsyncClient, item: Item, known: str
    ) -> None:
        response = await owner.get(url(item), headers={"If-None-Match": known})

        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["ETag"] == '"1"'

    @pytest.mark.parametrize("known", ['"2"', "1", "", '"1', '"11"'])
    async def test_changed_item_is_sent_again(
        self, owner: AsyncClient, item: Item, known: str
    ) -> None:
        response = await owner.get(url(item), headers={"If-None-Match": known})

        assert response.status_code == 200

    async def test_unknown_item_is_not_found(self, owner: AsyncClient) -> None:
        response = await owner.get(f"{ITEMS}/{UNKNOWN_ID}")

        assert_problem(response, 404, "not_found")

    async def test_malformed_id_is_rejected(self, owner: AsyncClient) -> None:
        response = await owner.get(f"{ITEMS}/1")

        assert broken(response) == {"/path/item_id": "uuid_parsing"}


class TestReplaceItem:
    async def test_needs_a_token(self, client: AsyncClient, item: Item) -> None:
        response = await client.put(url(item), json=item_body())

        assert_problem(response, 401, "unauthenticated")

    async def test_another_user_is_rejected(self, other_client: AsyncClient, item: Item) -> None:
        response = await other_client.put(url(item), json=item_body())

        assert_problem(response, 403, "not_permitted")

    async def test_administrator_may(self, as_user: As, admin: User, item: Item) -> None:
        client = await as_user(admin)

        response = await client.put(url(item), json=item_body(name="Moderated"))

        assert response.json()["name"] == "Moderated"
        assert response.json()["owner_id"] == str(item.owner_id)

    async def test_absent_fields_return_to_defaults(
        self, owner: AsyncClient, user: User, save: Save
    ) -> None:
        item = await save(make_item(user, description="old", tax=Decimal(5), tags=["old"]))

        response = await owner.put(url(item), json={"name": "New", "price": "1"})

        assert (response.json()["description"], response.json()["tax"]) == (None, "0.00")
        assert response.json()["tags"] == []

    async def test_gives_a_new_version(self, owner: AsyncClient, item: Item) -> None:
        response = await owner.put(url(item), json=item_body(name="New"))
        found = await owner.get(url(item))

        assert response.headers["ETag"] == found.headers["ETag"] == '"2"'
        assert response.json() == found.json()
        assert response.json()["updated_at"] > response.json()["created_at"]

    async def test_missing_field_is_rejected(self, owner: AsyncClient, item: Item) -> None:
        response = await owner.put(url(item), json={"name": "New"})

        assert broken(response) == {"/body/price": "missing"}

    async def test_unknown_item_is_not_found(self, owner: AsyncClient) -> None:
        response = await owner.put(f"{ITEMS}/{UNKNOWN_ID}", json=item_body())

        assert_problem(response, 404, "not_found")


class TestUpdateItem:
    async def test_needs_a_token(self, client: AsyncClient, item: Item) -> None:
        response = await client.patch(url(item), json={})

        assert_problem(response, 401, "unauthenticated")

    async def test_another_user_is_rejected(self, other_client: AsyncClient, item: Item) -> None:
        response = await other_client.patch(url(item), json={"name": "Mine now"})

        assert_problem(response, 403, "not_permitted")

    async def test_read_only_token_is_rejected(self, as_user: As, user: User, item: Item) -> None:
        client = await as_user(user, scopes=("items:read",))

        response = await client.patch(url(item), json={"name": "New"})

        assert_problem(response, 403, "insufficient_scope")

    async def test_absent_fields_stay(self, owner: AsyncClient, user: User, save: Save) -> None:
        item = await save(make_item(user, description="old", tags=["old"]))

        response = await owner.patch(url(item), json={"name": "New"})

        assert response.json()["name"] == "New"
        assert (response.json()["description"], response.json()["tags"]) == ("old", ["old"])

    async def test_null_clears_optional_fields(
        self, owner: AsyncClient, user: User, save: Save
    ) -> None:
        item = await save(make_item(user, description="old"))

        response = await owner.patch(url(item), json={"description": None})

        assert response.json()["description"] is None

    @pytest.mark.parametrize("field", ["name", "price", "tax", "tags"])
    async def test_null_is_rejected_where_a_value_is_needed(
        self, owner: AsyncClient, item: Item, field: str
    ) -> None:
        response = await owner.patch(url(item), json={field: None})

        assert broken(response).keys() == {f"/body/{field}"}

    async def test_empty_update_changes_nothing(self, owner: AsyncClient, item: Item) -> None:
        response = await owner.patch(url(item), json={})

        assert response.headers["ETag"] == '"1"'

    @pytest.mark.parametrize(
        ("change", "pointer", "code"),
        [
            ({"tax": "95"}, "/body/tax", "tax_above_price"),
            ({"price": "5"}, "/body/price", "tax_above_price"),
            ({"price": "9999"}, "/body/price", "gross_price_too_high"),
            ({"price": "9999", "tax": "20"}, "/body/tax", "gross_price_too_high"),
        ],
    )
    async def test_rules_hold_for_the_merged_item(
        self,
        owner: AsyncClient,
        user: User,
        save: Save,
        change: dict[str, Any],
        pointer: str,
        code: str,
    ) -> None:
        item = await save(make_item(user, price=Decimal(90), tax=Decimal(10)))

        response = await owner.patch(url(item), json=change)

        assert broken(response) == {pointer: code}
        assert (await owner.get(url(item))).json()["version"] == 1

    @pytest.mark.parametrize("field", ["id", "owner_id", "version", "created_at", "processed_at"])
    async def test_server_made_field_is_rejected(
        self, owner: AsyncClient, item: Item, field: str
    ) -> None:
        response = await owner.patch(url(item), json={field: None})

        assert broken(response) == {f"/body/{field}": "extra_forbidden"}


class TestDeleteItem:
    async def test_needs_a_token(self, client: AsyncClient, item: Item) -> None:
        response = await client.delete(url(item))

        assert_problem(response, 401, "unauthenticated")

    async def test_another_user_is_rejected(self, other_client: AsyncClient, item: Item) -> None:
        response = await other_client.delete(url(item))

        assert_problem(response, 403, "not_permitted")

    async def test_deleted_item_is_gone(self, owner: AsyncClient, item: Item) -> None:
        response = await owner.delete(url(item))

        assert (response.status_code, response.content) == (204, b"")
        for method in ("GET", "PATCH", "DELETE"):
            gone = await owner.request(method, url(item), json={})
            assert_problem(gone, 404, "not_found")

    async def test_row_is_not_deleted(self, app: FastAPI, owner: AsyncClient, item: Item) -> None:
        await owner.delete(url(item))

        async with units_of_work(app).begin() as uow:
            row = await uow.session.get_one(Item, item.id)
        assert row.deleted_at is not None


class TestIfMatch:
    CHANGES = (("PUT", item_body(name="New")), ("PATCH", {"name": "New"}), ("DELETE", None))

    @pytest.mark.parametrize(("method", "body"), CHANGES)
    @pytest.mark.parametrize("tag", ['"1"', '"0", "1"', "*"])
    async def test_current_version_is_changed(
        self, owner: AsyncClient, item: Item, method: str, body: Any, tag: str
    ) -> None:
        response = await owner.request(method, url(item), json=body, headers={"If-Match": tag})

        assert response.is_success

    @pytest.mark.parametrize(("method", "body"), CHANGES)
    @pytest.mark.parametrize("tag", ['"0"', '"2"', 'W/"1"', "1", ""])
    async def test_stale_version_is_rejected(
        self, owner: AsyncClient, item: Item, method: str, body: Any, tag: str
    ) -> None:
        response = await owner.request(method, url(item), json=body, headers={"If-Match": tag})

        assert_problem(response, 412, "precondition_failed")
        assert (await owner.get(url(item))).json()["version"] == 1

    async def test_if_match_may_be_required(self, running: Running, user: User, item: Item) -> None:
        async with running(require_if_match=True) as app:
            token = await access_token(app, user)
            async with new_client(app, Authorization=f"Bearer {token}") as client:
                rejected = await client.patch(url(item), json={"name": "New"})
                changed = await client.patch(
                    url(item), json={"name": "New"}, headers={"If-Match": '"1"'}
                )

        assert_problem(rejected, 428, "precondition_required")
        assert changed.status_code == 200

    async def test_parallel_increments_are_all_counted(
        self,
        app: FastAPI,
        owner: AsyncClient,
        user: User,
        save: Save,
    ) -> None:
        item = await save(make_item(user, price=Decimal(1)))

        async def increment(times: int) -> None:
            known = await owner.get(url(item))
            while times:
                body = {"price": str(Decimal(known.json()["price"]) + 1)}
                tag = {"If-Match": known.headers["ETag"]}
                response = await owner.patch(url(item), json=body, headers=tag)
                assert response.status_code in (200, 412), response.text
                times -= response.is_success
                known = response if response.is_success else await owner.get(url(item))

        with replaced(app, RequestRateLimit, windows=None):
            await asyncio.gather(*(increment(500) for _ in range(2)))

        counted = (await owner.get(url(item))).json()
        assert (counted["price"], counted["version"]) == ("1001.00", 1001)


class TestCreateItems:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.post(BATCH, json={"items": [item_body()]})

        assert_problem(response, 401, "unauthenticated")

    async def test_guest_is_rejected(self, as_user: As, guest: User) -> None:
        client = await as_user(guest)

        response = await client.post(BATCH, json={"items": [item_body()]})

        assert_problem(response, 403, "insufficient_scope")

    async def test_results_are_in_order(self, owner: AsyncClient) -> None:
        good = [item_body(name=f"item {number}") for number in range(5)]
        batch = [good[0], item_body(price=0), good[1], "junk", *good[2:]]

        body = (await owner.post(BATCH, json={"items": batch})).json()

        assert [result["index"] for result in body["results"]] == list(range(7))
        assert [result["status"] for result in body["results"]] == [201, 422, 201, 422] + 3 * [201]
        assert [r["item"]["name"] for r in body["results"] if r["item"]] == [
            item["name"] for item in good
        ]
        assert (body["created"], body["failed"]) == (5, 2)

    async def test_created_items_can_be_read(self, owner: AsyncClient) -> None:
        response = await owner.post(BATCH, json={"items": [item_body(tags=["a"]), item_body()]})

        created = [result["item"] for result in response.json()["results"]]
        assert [(await owner.get(f"{ITEMS}/{item['id']}")).json() for item in created] == created

    async def test_problem_points_into_the_batch(self, owner: AsyncClient) -> None:
        batch = {"items": [item_body(), {"price": "x", "colour": 1}]}

        response = await owner.post(BATCH, json=batch)

        problem = response.json()["results"][1]["problem"]
        assert "error" not in problem
        assert {error["pointer"] for error in problem["errors"]} == {
            "/body/items/1/name",
            "/body/items/1/price",
            "/body/items/1/colour",
        }
        assert (problem["status"], problem["code"]) == (422, "validation_failed")
        assert problem["request_id"] == response.headers["X-Request-ID"]

    @pytest.mark.parametrize("junk", [None, True, 7, "x", [], {}, [[]], {"": {}}])
    async def test_invalid_elements_are_reported(self, owner: AsyncClient, junk: Any) -> None:
        response = await owner.post(BATCH, json={"items": [junk]})

        assert response.status_code == 200
        assert (response.json()["created"], response.json()["failed"]) == (0, 1)
        assert "ItemCreate" not in response.text

    async def test_unusual_field_name_is_reported(self, owner: AsyncClient) -> None:
        content = rb'{"items": [{"name": "Desk", "price": 1, "\ud800\u0000": 1}, 7]}'

        response = await owner.post(BATCH, content=content, headers=JSON)

        assert response.status_code == 200
        assert response.json()["failed"] == 2

    async def test_atomic_batch_is_created_as_a_whole(self, owner: AsyncClient) -> None:
        response = await owner.post(BATCH, json={"items": [item_body()] * 3, "atomic": True})

        assert response.json()["created"] == len(await walk(owner)) == 3

    async def test_atomic_batch_is_rejected_as_a_whole(self, owner: AsyncClient) -> None:
        batch = [item_body(), item_body(tax=-1), item_body(name="")]

        response = await owner.post(BATCH, json={"items": batch, "atomic": True})

        assert broken(response).keys() == {"/body/items/1/tax", "/body/items/2/name"}
        assert await walk(owner) == []

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"items": []}, "/body/items"),
            ({"items": [{}] * 1001}, "/body/items"),
            ({"items": {}}, "/body/items"),
            ({}, "/body/items"),
            ({"items": [{}], "atomic": "true"}, "/body/atomic"),
            ({"items": [{}], "dry_run": True}, "/body/dry_run"),
        ],
    )
    async def test_malformed_batch_is_rejected(
        self, owner: AsyncClient, body: dict[str, Any], pointer: str
    ) -> None:
        response = await owner.post(BATCH, json=body)

        assert broken(response).keys() == {pointer}

    async def test_thousand_are_created_at_once(self, owner: AsyncClient) -> None:
        batch = [item_body(name=str(number)) for number in range(1000)]

        response = await owner.post(BATCH, json={"items": batch})

        results = response.json()["results"]
        assert [result["item"]["name"] for result in results] == [item["name"] for item in batch]

    async def test_response_to_a_large_batch_does_not_block_the_event_loop(
        self, item: Item
    ) -> None:
        row = cast("ItemRow", {name: getattr(item, name) for name in ItemRow.__annotations__})
        response = asyncio.create_task(
            batch_response(Request({"type": "http"}), dict.fromkeys(range(1000), row), {})
        )

        iterations = 0
        while not response.done():
            await asyncio.sleep(0)
            iterations += 1

        assert iterations >= 10
        results = ItemBatchRead.model_validate_json(bytes(response.result().body)).results
        assert [each.index for each in results] == list(range(1000))

    async def test_response_is_serialized_as_its_schema(self, item: Item) -> None:
        row = cast("ItemRow", {name: getattr(item, name) for name in ItemRow.__annotations__})
        broken = {1: [Violation("/body/items/1/name", "Field required", "missing")]}

        response = await batch_response(Request({"type": "http", "path": "/"}), {0: row}, broken)

        schema = ItemBatchRead.model_validate_json(bytes(response.body))
        assert response.body == schema.model_dump_json().encode()

    async def test_thousand_problems_are_reported_at_once(self, owner: AsyncClient) -> None:
        response = await owner.post(BATCH, json={"items": [{}] * 1000})

        assert response.json()["failed"] == 1000


class TestMethods:
    @pytest.fixture
    def paths(self, item: Item) -> Iterable[str]:
        return (ITEMS, url(item))

    async def test_head_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.head(ITEMS)

        assert (response.status_code, response.content) == (401, b"")

    async def test_head_is_get_without_the_body(
        self, owner: AsyncClient, paths: Iterable[str]
    ) -> None:
        for path in paths:
            got, head = await owner.get(path), await owner.head(path)

            assert head.content == b""
            assert stable(head) == stable(got)

    async def test_head_of_a_known_item_is_304(self, owner: AsyncClient, item: Item) -> None:
        response = await owner.head(url(item), headers={"If-None-Match": '"1"'})

        assert response.status_code == 304

    @pytest.mark.parametrize(
        ("path", "allow"),
        [
            (ITEMS, "GET, HEAD, OPTIONS, POST"),
            (f"{ITEMS}/{UNKNOWN_ID}", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ],
    )
    async def test_other_methods_are_not_allowed(
        self, owner: AsyncClient, path: str, allow: str
    ) -> None:
        options = await owner.options(path)

        assert (options.status_code, options.headers["Allow"]) == (204, allow)
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - set(allow.split(", ")):
            response = await owner.request(method, path)
            assert_problem(response, 405, "method_not_allowed")
            assert response.headers["Allow"] == allow

    async def test_trailing_slash_is_not_found(self, owner: AsyncClient) -> None:
        response = await owner.get(f"{ITEMS}/")

        assert_problem(response, 404, "not_found")


def stable(response: Response) -> tuple[int, dict[str, str]]:
    """What GET and HEAD have in common."""
    own = {"x-request-id", "x-process-time", "ratelimit"}
    return response.status_code, {k: v for k, v in response.headers.items() if k not in own}
