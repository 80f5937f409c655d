"""Conditional requests over HTTP: the same rules for every resource that has validators."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response

from app.features.users.models.user import User
from app.http.http_dates import format_http_date
from tests.changes import Change
from tests.conftest import As, Running, Save, access_token, new_client
from tests.factories import item_body, make_category, make_item, make_task, make_user
from tests.fragments import fragments
from tests.problems import assert_problem

LONG_AGO = "Sun, 06 Nov 1994 08:49:37 GMT"
# The changes of each kind of thing that end without an error.
CHANGES: dict[str, list[Change]] = {
    "item": [
        ("PUT", "", item_body(name="New")),
        ("PATCH", "", {"name": "New"}),
        ("DELETE", "", None),
        ("POST", "/process", None),
    ],
    "item v2": [("PATCH", "", {"name": "New"}), ("DELETE", "", None)],
    "category": [("PATCH", "", {"name": "New"}), ("DELETE", "", None)],
    "task": [("DELETE", "", None)],
    "me": [("PATCH", "", {"full_name": "New"})],
    "account": [("PATCH", "", {"is_active": False}), ("DELETE", "", None)],
    **{name: module.CHANGES for name, module in fragments("changes")},
}
# With fields that change without the row, so that its date says nothing about a read.
UNDATED = {"account"} | {
    name for name, module in fragments("changes") if getattr(module, "IS_UNDATED", False)
}
CELLS = [(kind, *change) for kind, changes in CHANGES.items() for change in changes]


@pytest.fixture
async def caller(as_user: As, admin: User) -> AsyncClient:
    return await as_user(admin)


@pytest.fixture
async def paths(save: Save, admin: User) -> dict[str, str]:
    """One of each kind, of the administrator who calls."""
    item = await save(make_item(admin))
    return {
        "item": f"/api/v1/items/{item.id}",
        "item v2": f"/api/v2/items/{item.id}",
        "category": f"/api/v1/categories/{(await save(make_category())).id}",
        "task": f"/api/v1/tasks/{(await save(make_task(admin))).id}",
        "me": "/api/v1/users/me",
        "account": f"/api/v1/users/{(await save(make_user())).id}",
        **{name: await module.path(save, admin) for name, module in fragments("changes")},
    }


async def send(client: AsyncClient, method: str, path: str, body: Any, **headers: str) -> Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.request(method, path, json=body, headers=names)


@pytest.mark.parametrize(("kind", "method", "action", "body"), CELLS)
async def test_write_with_stale_condition_changes_nothing(
    caller: AsyncClient, paths: dict[str, str], kind: str, method: str, action: str, body: Any
) -> None:
    path = paths[kind]
    before = await caller.get(path)

    for headers in (
        {"If_Match": '"a,*,1"'},
        {"If_Match": '"99", W/"1"'},
        {"If_Match": ""},
        {"If_Unmodified_Since": LONG_AGO},
        {"If_None_Match": "*"},
        {"If_None_Match": '"1"'},
        {"If_Match": '"1"', "If_None_Match": 'W/"1"'},
    ):
        response = await send(caller, method, path + action, body, **headers)
        assert_problem(response, 412, "precondition_failed")

    after = await caller.get(path)
    assert after.json() == before.json()
    assert after.headers["ETag"] == before.headers["ETag"]


@pytest.mark.parametrize(("kind", "method", "action", "body"), CELLS)
@pytest.mark.parametrize("condition", ["tag", "date", "both", "ignored"])
async def test_write_with_current_condition_succeeds(
    caller: AsyncClient,
    paths: dict[str, str],
    condition: str,
    kind: str,
    method: str,
    action: str,
    body: Any,
) -> None:
    read = await caller.get(paths[kind])
    tag, date = read.headers["ETag"], read.headers["Last-Modified"]
    headers = {
        "tag": {"If_Match": f'"0", {tag}'},
        "date": {"If_Unmodified_Since": date},
        "both": {"If_Match": tag, "If_Unmodified_Since": LONG_AGO, "If_None_Match": '"0"'},
        "ignored": {"If_Unmodified_Since": "soon", "If_Modified_Since": date},
    }

    response = await send(caller, method, paths[kind] + action, body, **headers[condition])

    assert response.status_code in {200, 202, 204}, response.text


@pytest.mark.parametrize("kind", list(CHANGES))
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_read_follows_all_four_conditions(
    caller: AsyncClient, paths: dict[str, str], kind: str, method: str
) -> None:
    read = await caller.get(paths[kind])
    tag, date = read.headers["ETag"], read.headers["Last-Modified"]
    later = format_http_date(datetime.now(UTC) + timedelta(days=1))
    by_date = 200 if kind in UNDATED else 304
    expected: list[tuple[dict[str, str], int]] = [
        ({"If_None_Match": tag}, 304),
        ({"If_None_Match": f'"0" , W/{tag}'}, 304),
        ({"If_None_Match": "*"}, 304),
        ({"If_None_Match": '"0"', "If_Modified_Since": later}, 200),
        ({"If_Modified_Since": date}, by_date),
        ({"If_Modified_Since": later}, by_date),
        ({"If_Modified_Since": LONG_AGO}, 200),
        ({"If_Modified_Since": "soon"}, 200),
        ({"If_Match": tag}, 200),
        ({"If_Match": '"0"'}, 412),
        ({"If_Match": '"0"', "If_None_Match": tag}, 412),
        ({"If_Unmodified_Since": date}, 200),
        ({"If_Unmodified_Since": LONG_AGO}, 200 if kind in UNDATED else 412),
        ({"If_Match": tag, "If_Unmodified_Since": LONG_AGO}, 200),
    ]

    for headers, status in expected:
        response = await send(caller, method, paths[kind], None, **headers)
        assert response.status_code == status, headers
        if status == 304:
            assert (response.headers["ETag"], response.content) == (tag, b"")


async def test_last_modified_is_the_second_of_the_change(
    caller: AsyncClient, paths: dict[str, str]
) -> None:
    read = await caller.get(paths["item"])

    changed = datetime.fromisoformat(read.json()["updated_at"])
    assert parsedate_to_datetime(read.headers["Last-Modified"]) == changed.replace(microsecond=0)


async def test_weak_tag_is_named_as_the_reason(caller: AsyncClient, paths: dict[str, str]) -> None:
    headers = {"If-Match": 'W/"1"'}

    response = await caller.patch(paths["item"], json={"name": "New"}, headers=headers)

    assert "weak" in assert_problem(response, 412, "precondition_failed")["detail"]


async def test_lines_of_if_match_are_one_list(caller: AsyncClient, paths: dict[str, str]) -> None:
    headers = [("If-Match", '"9"'), ("If-Match", '"1"')]

    response = await caller.patch(paths["item"], json={"name": "New"}, headers=headers)

    assert response.status_code == 200


async def test_restore_of_another_version_is_rejected(
    caller: AsyncClient, paths: dict[str, str]
) -> None:
    await caller.delete(paths["item"])
    restore = f"{paths['item']}/restore"

    stale = await caller.post(restore, headers={"If-Match": '"1"'})
    current = await caller.post(restore, headers={"If-Match": '"2"'})

    assert_problem(stale, 412, "precondition_failed")
    assert current.status_code == 200


async def test_missing_resource_is_not_found_under_any_condition(caller: AsyncClient) -> None:
    path = "/api/v1/items/018f2f63-0000-7000-8000-000000000000"

    for headers in ({"If-Match": "*"}, {"If-None-Match": "*"}, {"If-Unmodified-Since": LONG_AGO}):
        response = await caller.put(path, json=item_body(), headers=headers)
        assert_problem(response, 404, "not_found")


async def test_new_session_changes_the_representation_but_not_the_version(
    app: FastAPI, caller: AsyncClient, user: User
) -> None:
    path = f"/api/v1/users/{user.id}"
    before = await caller.get(path)
    await access_token(app, user)  # One session more.
    condition = {"If-None-Match": before.headers["ETag"]}

    after = await caller.get(path, headers=condition)
    known = await caller.get(path, headers={"If-None-Match": after.headers["ETag"]})
    change = {"If-Match": before.headers["ETag"]}
    changed = await caller.patch(path, json={"is_active": False}, headers=change)

    assert after.json()["session_count"] == before.json()["session_count"] + 1
    assert [response.status_code for response in (after, known, changed)] == [200, 304, 200]


async def test_category_tree_follows_conditions(caller: AsyncClient, paths: dict[str, str]) -> None:
    path = "/api/v1/categories/tree"
    tag = (await caller.get(path)).headers["ETag"]

    assert (await caller.get(path, headers={"If-None-Match": tag})).status_code == 304
    assert (await caller.get(path, headers={"If-Match": '"0"'})).status_code == 412


@pytest.fixture
async def strict(running: Running, admin: User) -> AsyncIterator[AsyncClient]:
    """Where REQUIRE_IF_MATCH is set."""
    async with running(require_if_match=True) as app:
        token = await access_token(app, admin)
        async with new_client(app, Authorization=f"Bearer {token}") as client:
            yield client


async def test_only_if_match_satisfies_the_requirement(
    strict: AsyncClient, paths: dict[str, str]
) -> None:
    path, body = paths["item"], {"name": "New"}
    date = (await strict.get(path)).headers["Last-Modified"]

    for headers in ({}, {"If_Unmodified_Since": date}, {"If_None_Match": '"0"'}):
        rejected = await send(strict, "PATCH", path, body, **headers)
        assert_problem(rejected, 428, "precondition_required")
    assert (await send(strict, "PATCH", path, body, If_Match='"1"')).status_code == 200
