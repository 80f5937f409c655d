"""Response headers: those that the OpenAPI document declares are those that the service sends."""

from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response

from app.features.users.models.user import User
from app.security.principals import Role
from tests.authorization import cells, operations
from tests.conftest import As, Running, Save, access_token, new_client
from tests.factories import item_body, make_item, make_user
from tests.openapi import DOCUMENT, OPERATIONS
from tests.scenes import Scene
from tests.valid_requests import STREAMS, call

ITEMS = "/api/v1/items"
NAMES = frozenset(DOCUMENT["components"]["headers"])
RATE_LIMIT = {"RateLimit", "RateLimit-Policy"}
# Of an operation, only some requests have them in their responses.
OCCASIONAL = RATE_LIMIT | {"Deprecation", "Idempotency-Replayed", "Retry-After", "Sunset"}
OCCASIONAL |= {"WWW-Authenticate"}  # A 403 for a missing scope has it, others have not.
STATES = {
    cell.operation: cell.state
    for cell in cells()
    if cell.role == "admin" and cell.owns and cell.status < 300
}


def declared(operation: str, response: Response) -> set[str]:
    answer = OPERATIONS[operation]["responses"][str(response.status_code)]
    if "$ref" in answer:
        answer = DOCUMENT["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    return {*NAMES.intersection(answer.get("headers", ()))}


def sent(response: Response) -> set[str]:
    return {name for name in NAMES if name in response.headers}


async def test_each_operation_sends_the_headers_that_it_declares(
    app: FastAPI, save: Save, client: AsyncClient
) -> None:
    documented = [each for each in operations(app).values() if each.documented]
    # A stream is requested by HEAD, which has no content and no documentation.
    for operation in (each for each in documented if each.name not in STREAMS):
        caller = await save(make_user(role=Role.ADMIN))
        owner = await save(make_user()) if "{user_id}" in operation.path else caller
        client.headers["Authorization"] = f"Bearer {await access_token(app, caller)}"

        scene = Scene(app, owner, STATES.get(operation.name, ""))
        response = await call(operation, scene, client)

        names = declared(operation.name, response)
        assert sent(response) <= names, (operation.name, response.text)
        assert names - sent(response) <= OCCASIONAL, (operation.name, response.text)


@pytest.fixture
async def caller(as_user: As, user: User) -> AsyncClient:
    return await as_user(user)


async def test_page_by_skip_sends_its_deprecation(caller: AsyncClient) -> None:
    response = await caller.get(ITEMS, params={"skip": 1})

    assert declared("list_items", response) == sent(response)
    assert sent(response) == {"Deprecation", "Link", "Sunset", *RATE_LIMIT}


async def test_repeated_request_sends_that_it_was_repeated(caller: AsyncClient) -> None:
    headers = {"Idempotency-Key": "once"}
    await caller.post(ITEMS, json=item_body(), headers=headers)

    response = await caller.post(ITEMS, json=item_body(), headers=headers)

    assert declared("create_item", response) == sent(response)
    assert "Idempotency-Replayed" in sent(response)


async def test_current_copy_sends_its_validators(
    caller: AsyncClient, save: Save, user: User
) -> None:
    item = await save(make_item(user))

    response = await caller.get(f"{ITEMS}/{item.id}", headers={"If-None-Match": "*"})

    assert response.status_code == 304
    assert declared("read_item", response) == sent(response)
    assert sent(response) == {"ETag", "Last-Modified", *RATE_LIMIT}


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        (401, {"headers": {"Authorization": "Bearer x"}}),
        (404, {"path": f"{ITEMS}/0198f3c2-7d5e-7a41-9b0c-3f6f1d2e4a58"}),
        (412, {"headers": {"If-Match": '"9"'}}),
        (415, {"headers": {"Content-Encoding": "br"}}),
        (422, {"json": {"price": -1}}),
    ],
)
async def test_error_sends_the_headers_of_its_component(
    caller: AsyncClient, save: Save, user: User, status: int, changes: dict[str, Any]
) -> None:
    path = f"{ITEMS}/{(await save(make_item(user))).id}"

    request = {"json": {"name": "Renamed"}, **changes}
    response = await caller.patch(request.pop("path", path), **request)

    assert response.status_code == status
    assert declared("update_item", response) - sent(response) <= {"Retry-After"}
    assert sent(response) <= declared("update_item", response)


async def test_exhausted_quota_sends_when_to_come_back(
    app: FastAPI, running: Running, user: User
) -> None:
    token = await access_token(app, user)
    async with running(rate_limit_default="1/hour") as limited, new_client(limited) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        await client.get(ITEMS)
        response = await client.get(ITEMS)

    assert response.status_code == 429
    assert declared("list_items", response) == sent(response) == {"Retry-After", *RATE_LIMIT}
