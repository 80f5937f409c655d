"""Categories over HTTP."""

import asyncio
import uuid
from functools import partial
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response

from app.features.categories.models import MAX_CATEGORIES, MAX_DEPTH, Category
from app.features.categories.response_cache import LIFETIME_SECONDS
from app.features.items.models import Item
from app.features.users.models.user import User
from tests.conftest import As, Running, Save, access_token, new_client
from tests.factories import item_body, make_category, make_item
from tests.polling import eventually
from tests.problems import assert_problem, broken
from tests.state import reads_of, units_of_work

CATEGORIES = "/api/v1/categories"
TREE = f"{CATEGORIES}/tree"
ITEMS = "/api/v1/items"
PROMPT_SECONDS = LIFETIME_SECONDS / 2  # So that expiry is not the reason of a new load.
UNKNOWN_ID = "018f2f63-0000-7000-8000-000000000000"


@pytest.fixture
async def reader(as_user: As, guest: User) -> AsyncClient:
    return await as_user(guest)


@pytest.fixture
async def owner(as_user: As, user: User) -> AsyncClient:
    return await as_user(user)


@pytest.fixture
async def boss(as_user: As, admin: User) -> AsyncClient:
    return await as_user(admin)


@pytest.fixture
async def category(save: Save) -> Category:
    return await save(make_category(name="Furniture"))


def url(category: Category) -> str:
    return f"{CATEGORIES}/{category.id}"


def names(response: Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [row["name"] for row in response.json()["items"]]


async def chain(save: Save, length: int) -> list[Category]:
    """Categories of which each is below the one before."""
    found: list[Category] = []
    for _ in range(length):
        parent_id = found[-1].id if found else None
        found.append(await save(make_category(parent_id=parent_id)))
    return found


def outline(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    """The names alone, nested as the nodes are."""
    return {node["name"]: outline(node["children"]) for node in nodes}


class TestListCategories:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.get(CATEGORIES)

        assert_problem(response, 401, "unauthenticated")

    async def test_needs_the_scope_to_read_items(self, as_user: As, user: User) -> None:
        client = await as_user(user, scopes=("users:read",))

        response = await client.get(CATEGORIES)

        assert "items:read" in assert_problem(response, 403, "insufficient_scope")["detail"]

    async def test_sorts_by_name_by_default(self, reader: AsyncClient, save: Save) -> None:
        for name in ("b", "c", "a"):
            await save(make_category(name=name))

        by_name = await reader.get(CATEGORIES)
        by_age = await reader.get(CATEGORIES, params={"sort": "-created_at"})

        assert names(by_name) == ["a", "b", "c"]
        assert names(by_age) == ["a", "c", "b"]

    async def test_filters_by_parent(
        self, reader: AsyncClient, category: Category, save: Save
    ) -> None:
        child = await save(make_category(name="Desks", parent_id=category.id))
        await save(make_category(name="Standing desks", parent_id=child.id))

        response = await reader.get(
            CATEGORIES, params={"parent_id": str(category.id), "include_total": True}
        )

        assert names(response) == ["Desks"]
        assert response.json()["total"] == 1

    async def test_walks_to_the_end(self, reader: AsyncClient, save: Save) -> None:
        for name in "abc":
            await save(make_category(name=name))

        first = await reader.get(CATEGORIES, params={"limit": 2})
        last = await reader.get(
            CATEGORIES, params={"limit": 2, "cursor": first.json()["next_cursor"]}
        )

        assert names(first) + names(last) == ["a", "b", "c"]
        assert last.json()["next_cursor"] is None

    @pytest.mark.parametrize(
        ("params", "pointer"),
        [
            ({"parent_id": "root"}, "/query/parent_id"),
            ({"sort": "parent_id"}, "/query/sort"),
            ({"limit": "0"}, "/query/limit"),
        ],
    )
    async def test_parameter_out_of_bounds_is_rejected(
        self, reader: AsyncClient, params: dict[str, str], pointer: str
    ) -> None:
        response = await reader.get(CATEGORIES, params=params)

        assert broken(response).keys() == {pointer}

    async def test_takes_one_statement(
        self, app: FastAPI, reader: AsyncClient, category: Category
    ) -> None:
        await reader.get(CATEGORIES)
        before = reads_of(app).statements

        await reader.get(CATEGORIES, params={"parent_id": str(category.id)})

        assert reads_of(app).statements - before == 1


class TestReadCategoryTree:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.get(TREE)

        assert_problem(response, 401, "unauthenticated")

    async def test_no_categories_are_an_empty_tree(self, reader: AsyncClient) -> None:
        response = await reader.get(TREE)

        assert (response.status_code, response.json()) == (200, [])

    async def test_nests_and_sorts_siblings_by_name(self, reader: AsyncClient, save: Save) -> None:
        home = await save(make_category(name="Home"))
        furniture = await save(make_category(name="Furniture"))
        seating = await save(make_category(name="Seating", parent_id=furniture.id))
        await save(make_category(name="chairs", parent_id=seating.id))
        await save(make_category(name="Beds", parent_id=furniture.id))
        await save(make_category(name="beds", parent_id=home.id))

        response = await reader.get(TREE)

        assert outline(response.json()) == {
            "Furniture": {"Beds": {}, "Seating": {"chairs": {}}},
            "Home": {"beds": {}},
        }
        assert [node["name"] for node in response.json()] == ["Furniture", "Home"]
        assert response.json()[1]["id"] == str(home.id)

    async def test_shows_the_deepest_level(self, reader: AsyncClient, save: Save) -> None:
        await chain(save, MAX_DEPTH)

        nodes = (await reader.get(TREE)).json()

        for level in range(MAX_DEPTH):
            assert len(nodes) == 1, level
            nodes = nodes[0]["children"]
        assert nodes == []

    async def test_one_statement_serves_all_callers(
        self, app: FastAPI, reader: AsyncClient, save: Save
    ) -> None:
        await reader.get("/api/v1/users/me")
        await chain(save, 5)
        before = reads_of(app).statements

        responses = await asyncio.gather(*(reader.get(TREE) for _ in range(50)))

        assert len({response.content for response in responses}) == 1
        assert reads_of(app).statements - before == 1

    async def test_current_copy_is_not_sent_again(self, reader: AsyncClient, save: Save) -> None:
        await save(make_category())
        first = await reader.get(TREE)

        again = await reader.get(TREE, headers={"If-None-Match": first.headers["ETag"]})

        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]
        assert first.headers["Cache-Control"] == "private, no-cache"

    async def test_cached_response_requires_the_permission(
        self, reader: AsyncClient, as_user: As, user: User
    ) -> None:
        narrow = await as_user(user, scopes=("users:read",))
        await reader.get(TREE)

        assert_problem(await narrow.get(TREE), 403, "insufficient_scope")

    async def test_every_change_is_seen_at_once(self, boss: AsyncClient) -> None:
        seen = [outline((await boss.get(TREE)).json())]
        path = (await boss.post(CATEGORIES, json={"name": "Old"})).headers["Location"]
        seen.append(outline((await boss.get(TREE)).json()))
        await boss.patch(path, json={"name": "New"})
        seen.append(outline((await boss.get(TREE)).json()))
        await boss.delete(path)
        seen.append(outline((await boss.get(TREE)).json()))

        assert seen == [{}, {"Old": {}}, {"New": {}}, {}]

    async def test_rejected_change_does_not_invalidate_the_cache(
        self, app: FastAPI, boss: AsyncClient, save: Save
    ) -> None:
        await save(make_category(name="Taken"))
        await boss.get(TREE)
        assert (await boss.post(CATEGORIES, json={"name": "Taken"})).status_code == 409
        before = reads_of(app).statements

        await boss.get(TREE)

        assert reads_of(app).statements == before

    async def test_other_processes_see_a_change_within_the_promise(
        self, running: Running, boss: AsyncClient, admin: User
    ) -> None:
        async with running() as other:
            token = await access_token(other, admin)
            async with new_client(other, Authorization=f"Bearer {token}") as there:
                for number in range(20):
                    await there.get(TREE)
                    name = f"Number {number}"
                    await boss.post(CATEGORIES, json={"name": name})

                    await eventually(partial(is_in_tree, there, name), PROMPT_SECONDS)


async def is_in_tree(client: AsyncClient, name: str) -> bool:
    return name in outline((await client.get(TREE)).json())


class TestReadCategory:
    async def test_needs_a_token(self, client: AsyncClient, category: Category) -> None:
        response = await client.get(url(category))

        assert_problem(response, 401, "unauthenticated")

    async def test_every_authenticated_user_may_read(
        self, reader: AsyncClient, category: Category
    ) -> None:
        response = await reader.get(url(category))

        body = response.json()
        assert response.status_code == 200
        assert (body["name"], body["parent_id"], body["description"]) == ("Furniture", None, None)

    async def test_current_copy_is_304(self, reader: AsyncClient, category: Category) -> None:
        response = await reader.get(url(category), headers={"If-None-Match": '"1"'})

        assert (response.status_code, response.content) == (304, b"")

    async def test_unknown_category_is_not_found(self, reader: AsyncClient) -> None:
        response = await reader.get(f"{CATEGORIES}/{UNKNOWN_ID}")

        assert_problem(response, 404, "not_found")


class TestCreateCategory:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.post(CATEGORIES, json={"name": "Furniture"})

        assert_problem(response, 401, "unauthenticated")

    async def test_needs_an_administrator(self, owner: AsyncClient) -> None:
        response = await owner.post(CATEGORIES, json={"name": "Furniture"})

        assert "admin" in assert_problem(response, 403, "insufficient_scope")["detail"]

    async def test_returns_the_category_and_its_location(
        self, boss: AsyncClient, category: Category
    ) -> None:
        body = {"name": " Desks ", "parent_id": str(category.id), "description": "To work at."}

        response = await boss.post(CATEGORIES, json=body)
        found = await boss.get(response.headers["Location"])

        assert (response.status_code, response.headers["ETag"]) == (201, '"1"')
        assert response.json() == found.json()
        assert response.json().items() >= (body | {"name": "Desks"}).items()

    @pytest.mark.parametrize("name", ["Furniture", "FURNITURE", "\uff46urniture", " furniture "])
    async def test_name_of_a_sibling_is_taken(
        self, boss: AsyncClient, category: Category, name: str
    ) -> None:
        response = await boss.post(CATEGORIES, json={"name": name})

        assert_problem(response, 409, "category_name_taken")

    async def test_same_name_is_free_elsewhere(self, boss: AsyncClient, category: Category) -> None:
        response = await boss.post(
            CATEGORIES, json={"name": "Furniture", "parent_id": str(category.id)}
        )

        assert response.status_code == 201

    async def test_one_of_many_concurrent_creates_succeeds(self, boss: AsyncClient) -> None:
        attempts = (boss.post(CATEGORIES, json={"name": "Furniture"}) for _ in range(10))

        responses = await asyncio.gather(*attempts)

        assert sorted(response.status_code for response in responses) == [201] + 9 * [409]

    async def test_unknown_parent_is_rejected(self, boss: AsyncClient) -> None:
        response = await boss.post(CATEGORIES, json={"name": "Desks", "parent_id": UNKNOWN_ID})

        assert broken(response) == {"/body/parent_id": "unknown_category"}

    async def test_last_level_has_no_children(self, boss: AsyncClient, save: Save) -> None:
        *_, above, last = await chain(save, MAX_DEPTH)

        fits = await boss.post(CATEGORIES, json={"name": "a", "parent_id": str(above.id)})
        too_deep = await boss.post(CATEGORIES, json={"name": "a", "parent_id": str(last.id)})

        assert fits.status_code == 201
        assert_problem(too_deep, 409, "category_too_deep")

    async def test_tree_is_bounded(self, app: FastAPI, boss: AsyncClient) -> None:
        async with units_of_work(app).begin() as uow:
            uow.session.add_all(make_category() for _ in range(MAX_CATEGORIES - 1))

        fits = await boss.post(CATEGORIES, json={"name": "a"})
        too_many = await boss.post(CATEGORIES, json={"name": "b"})

        assert fits.status_code == 201
        assert_problem(too_many, 409, "too_many_categories")

    async def test_names_that_grow_by_case_folding_fit(self, boss: AsyncClient) -> None:
        response = await boss.post(CATEGORIES, json={"name": "\ufdfa" * 100})

        assert response.status_code == 201

    @pytest.mark.parametrize(
        ("body", "problems"),
        [
            ({}, {"/body/name": "missing"}),
            ({"name": " "}, {"/body/name": "string_too_short"}),
            ({"name": "x" * 101}, {"/body/name": "string_too_long"}),
            ({"name": "\0"}, {"/body/name": "text_unstorable"}),
            (
                {"name": 7, "parent_id": "root", "description": "x" * 501, "id": UNKNOWN_ID},
                {
                    "/body/name": "string_type",
                    "/body/parent_id": "uuid_parsing",
                    "/body/description": "string_too_long",
                    "/body/id": "extra_forbidden",
                },
            ),
        ],
    )
    async def test_all_invalid_fields_are_named_at_once(
        self, boss: AsyncClient, body: dict[str, Any], problems: dict[str, str]
    ) -> None:
        response = await boss.post(CATEGORIES, json=body)

        assert broken(response) == problems


class TestUpdateCategory:
    async def test_needs_a_token(self, client: AsyncClient, category: Category) -> None:
        response = await client.patch(url(category), json={})

        assert_problem(response, 401, "unauthenticated")

    async def test_needs_an_administrator(self, owner: AsyncClient, category: Category) -> None:
        response = await owner.patch(url(category), json={"name": "Mine"})

        assert_problem(response, 403, "insufficient_scope")

    async def test_absent_fields_stay(self, boss: AsyncClient, save: Save) -> None:
        root, child = await chain(save, 2)

        response = await boss.patch(url(child), json={"name": "New"})

        body = response.json()
        assert (body["name"], body["parent_id"]) == ("New", str(root.id))
        assert response.headers["ETag"] == '"2"'
        assert body == (await boss.get(url(child))).json()

    async def test_empty_update_changes_nothing(
        self, boss: AsyncClient, category: Category
    ) -> None:
        response = await boss.patch(url(category), json={})

        assert response.headers["ETag"] == '"1"'

    async def test_moves_with_its_descendants(self, boss: AsyncClient, save: Save) -> None:
        a = await save(make_category(name="a"))
        b = await save(make_category(name="b"))
        await save(make_category(name="c", parent_id=b.id))

        response = await boss.patch(url(b), json={"parent_id": str(a.id)})

        assert response.status_code == 200
        assert outline((await boss.get(TREE)).json()) == {"a": {"b": {"c": {}}}}

    async def test_null_parent_makes_a_root(self, boss: AsyncClient, save: Save) -> None:
        _, child = await chain(save, 2)

        response = await boss.patch(url(child), json={"parent_id": None})

        assert response.json()["parent_id"] is None

    @pytest.mark.parametrize("below", range(3))
    async def test_cannot_move_below_itself(
        self, boss: AsyncClient, save: Save, below: int
    ) -> None:
        found = await chain(save, 3)

        response = await boss.patch(url(found[0]), json={"parent_id": str(found[below].id)})

        assert_problem(response, 409, "category_cycle")

    async def test_concurrent_moves_make_no_cycle(self, boss: AsyncClient, save: Save) -> None:
        ring = [await save(make_category()) for _ in range(8)]
        moves = (
            boss.patch(url(category), json={"parent_id": str(above.id)})
            for category, above in zip(ring, ring[1:] + ring[:1], strict=True)
        )

        responses = await asyncio.gather(*moves)

        assert sorted(response.status_code for response in responses) == 7 * [200] + [409]
        assert (await boss.get(TREE)).text.count('"id"') == len(ring)

    async def test_moved_descendants_may_not_exceed_the_last_level(
        self, boss: AsyncClient, save: Save
    ) -> None:
        upper, lower = await chain(save, MAX_DEPTH - 1), await chain(save, 2)

        too_deep = await boss.patch(url(lower[0]), json={"parent_id": str(upper[-1].id)})
        fits = await boss.patch(url(lower[0]), json={"parent_id": str(upper[-2].id)})

        assert_problem(too_deep, 409, "category_too_deep")
        assert fits.status_code == 200

    async def test_name_of_a_new_sibling_is_taken(self, boss: AsyncClient, save: Save) -> None:
        root = await save(make_category(name="Desks"))
        child = await save(make_category(name="desks", parent_id=root.id))

        response = await boss.patch(url(child), json={"parent_id": None})

        assert_problem(response, 409, "category_name_taken")

    async def test_case_of_its_own_name_may_change(
        self, boss: AsyncClient, category: Category
    ) -> None:
        response = await boss.patch(url(category), json={"name": "FURNITURE"})

        assert response.json()["name"] == "FURNITURE"

    async def test_unknown_parent_is_rejected(self, boss: AsyncClient, category: Category) -> None:
        response = await boss.patch(url(category), json={"parent_id": UNKNOWN_ID})

        assert broken(response) == {"/body/parent_id": "unknown_category"}

    async def test_name_of_null_is_rejected(self, boss: AsyncClient, category: Category) -> None:
        response = await boss.patch(url(category), json={"name": None})

        assert broken(response).keys() == {"/body/name"}

    async def test_stale_version_is_rejected(self, boss: AsyncClient, category: Category) -> None:
        response = await boss.patch(
            url(category), json={"name": "New"}, headers={"If-Match": '"2"'}
        )

        assert_problem(response, 412, "precondition_failed")

    async def test_unknown_category_is_not_found(self, boss: AsyncClient) -> None:
        response = await boss.patch(f"{CATEGORIES}/{UNKNOWN_ID}", json={"name": "New"})

        assert_problem(response, 404, "not_found")


class TestDeleteCategory:
    async def test_needs_a_token(self, client: AsyncClient, category: Category) -> None:
        response = await client.delete(url(category))

        assert_problem(response, 401, "unauthenticated")

    async def test_needs_an_administrator(self, owner: AsyncClient, category: Category) -> None:
        response = await owner.delete(url(category))

        assert_problem(response, 403, "insufficient_scope")

    async def test_deleted_category_is_gone_and_its_name_free(
        self, boss: AsyncClient, category: Category
    ) -> None:
        response = await boss.delete(url(category))
        again = await boss.post(CATEGORIES, json={"name": "Furniture"})

        assert (response.status_code, response.content) == (204, b"")
        assert_problem(await boss.get(url(category)), 404, "not_found")
        assert again.status_code == 201

    async def test_category_with_children_is_not_deleted(
        self, boss: AsyncClient, save: Save
    ) -> None:
        root, _ = await chain(save, 2)

        response = await boss.delete(url(root))

        assert "below" in assert_problem(response, 409, "category_in_use")["detail"]

    async def test_category_with_items_is_not_deleted(
        self, boss: AsyncClient, user: User, category: Category, save: Save
    ) -> None:
        await save(make_item(user, category_id=category.id))

        response = await boss.delete(url(category))

        assert "items" in assert_problem(response, 409, "category_in_use")["detail"]

    async def test_deleted_items_do_not_prevent_deletion(
        self, boss: AsyncClient, owner: AsyncClient, user: User, category: Category, save: Save
    ) -> None:
        item = await save(make_item(user, category_id=category.id))
        await owner.delete(f"{ITEMS}/{item.id}")

        response = await boss.delete(url(category))
        restored = await owner.post(f"{ITEMS}/{item.id}/restore")

        assert response.status_code == 204
        assert restored.json()["category_id"] is None

    async def test_stale_version_is_rejected(self, boss: AsyncClient, category: Category) -> None:
        response = await boss.delete(url(category), headers={"If-Match": '"2"'})

        assert_problem(response, 412, "precondition_failed")
        assert (await boss.get(url(category))).status_code == 200

    async def test_concurrently_created_item_is_not_orphaned(
        self, boss: AsyncClient, owner: AsyncClient, save: Save
    ) -> None:
        for _ in range(10):
            category = await save(make_category())
            body = item_body(category_id=str(category.id))

            deleted, created = await asyncio.gather(
                boss.delete(url(category)), owner.post(ITEMS, json=body)
            )

            assert (deleted.status_code, created.status_code) in {(204, 422), (409, 201)}


class TestCategoryOfItem:
    async def item(self, client: AsyncClient, category: Category) -> dict[str, Any]:
        response = await client.post(ITEMS, json=item_body(category_id=str(category.id)))
        assert response.status_code == 201, response.text
        body: dict[str, Any] = response.json()
        return body

    async def test_category_is_stored(self, owner: AsyncClient, category: Category) -> None:
        item = await self.item(owner, category)

        found = await owner.get(f"{ITEMS}/{item['id']}")

        assert item["category_id"] == found.json()["category_id"] == str(category.id)

    async def test_category_may_be_removed(self, owner: AsyncClient, category: Category) -> None:
        item = await self.item(owner, category)

        left = await owner.patch(f"{ITEMS}/{item['id']}", json={"name": "New"})
        taken = await owner.patch(f"{ITEMS}/{item['id']}", json={"category_id": None})

        assert left.json()["category_id"] == str(category.id)
        assert taken.json()["category_id"] is None

    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    async def test_must_exist_when_an_item_changes(
        self, owner: AsyncClient, user: User, save: Save, method: str
    ) -> None:
        item: Item = await save(make_item(user))

        response = await owner.request(
            method, f"{ITEMS}/{item.id}", json=item_body(category_id=UNKNOWN_ID)
        )

        assert broken(response) == {"/body/category_id": "unknown_category"}

    async def test_must_exist_when_an_item_is_created(self, owner: AsyncClient) -> None:
        response = await owner.post(ITEMS, json=item_body(category_id=UNKNOWN_ID))

        assert broken(response) == {"/body/category_id": "unknown_category"}
        assert (await owner.get(ITEMS)).json()["items"] == []

    async def test_filter_includes_descendants(
        self, owner: AsyncClient, user: User, save: Save
    ) -> None:
        found = await chain(save, 3)
        other = await save(make_category())
        for level, category in enumerate([*found, other]):
            await save(make_item(user, name=f"{level}", category_id=category.id))
        await save(make_item(user, name="none"))

        listed = [
            await owner.get(
                ITEMS,
                params={"category_id": str(each), "sort": "name", "include_total": True},
            )
            for each in (found[0].id, found[1].id, found[2].id, uuid.UUID(UNKNOWN_ID))
        ]

        assert [names(each) for each in listed] == [["0", "1", "2"], ["1", "2"], ["2"], []]
        assert [each.json()["total"] for each in listed] == [3, 2, 1, 0]

    async def test_filter_takes_one_statement(
        self, app: FastAPI, owner: AsyncClient, save: Save
    ) -> None:
        found = await chain(save, 3)
        await owner.get(ITEMS)
        before = reads_of(app).statements

        await owner.get(ITEMS, params={"category_id": str(found[0].id)})

        assert reads_of(app).statements - before == 1

    async def test_filter_walks_by_cursor(
        self, owner: AsyncClient, user: User, category: Category, save: Save
    ) -> None:
        for name in "abc":
            await save(make_item(user, name=name, category_id=category.id))
        params = {"category_id": str(category.id), "sort": "-name", "limit": "2"}

        first = await owner.get(ITEMS, params=params)
        last = await owner.get(ITEMS, params=params | {"cursor": first.json()["next_cursor"]})

        assert names(first) + names(last) == ["c", "b", "a"]

    async def test_unknown_category_is_reported_at_its_index_of_a_batch(
        self, owner: AsyncClient, category: Category
    ) -> None:
        ids = (str(category.id), UNKNOWN_ID, None)
        batch = [item_body(category_id=each) for each in ids]

        body = (await owner.post(f"{ITEMS}/batch", json={"items": batch})).json()

        [error] = body["results"][1]["problem"]["errors"]
        assert [result["status"] for result in body["results"]] == [201, 422, 201]
        assert (error["pointer"], error["code"]) == (
            "/body/items/1/category_id",
            "unknown_category",
        )

    async def test_unknown_category_rejects_an_atomic_batch(self, owner: AsyncClient) -> None:
        batch = [item_body(), item_body(category_id=UNKNOWN_ID)]

        response = await owner.post(f"{ITEMS}/batch", json={"items": batch, "atomic": True})

        assert broken(response) == {"/body/items/1/category_id": "unknown_category"}
        assert (await owner.get(ITEMS)).json()["items"] == []
