"""Repeated names in JSON: rejected in the body of every route."""

import json
import time

import pytest
from httpx2 import AsyncClient

from app.features.header_check.json_names import MAX_AT_ONCE_BYTES, RepeatedName, check_names
from app.features.users.models.user import User
from tests.conftest import As
from tests.factories import item_body
from tests.problems import assert_problem

ITEMS = "/api/v1/items"
ITEM = json.dumps(item_body())[1:-1]


@pytest.mark.parametrize(
    "document",
    [
        f'{{"name": "Pine desk", {ITEM}}}'.encode(),
        rf'{{"n\u0061me": "Pine desk", {ITEM}}}'.encode(),
        f'{{"name": "Pine desk", {ITEM}}}'.encode("utf-16"),
    ],
    ids=["plain", "escaped", "UTF-16"],
)
async def test_repeated_name_is_rejected(as_user: As, user: User, document: bytes) -> None:
    signed_in = await as_user(user)
    headers = {"Content-Type": "application/json"}

    response = await signed_in.post(ITEMS, content=document, headers=headers)

    assert "'name'" in assert_problem(response, 400, "repeated_name")["detail"]
    assert (await signed_in.get(ITEMS)).json()["items"] == []


async def test_name_repeated_in_an_inner_object_is_rejected(as_user: As, user: User) -> None:
    document = f'{{"items": [{{{ITEM}}}, {{{ITEM}, "price": "1.00"}}]}}'
    headers = {"Content-Type": "application/json; charset=utf-8"}

    response = await (await as_user(user)).post(
        f"{ITEMS}/batch", content=document.encode(), headers=headers
    )

    assert_problem(response, 400, "repeated_name")


async def test_anonymous_client_is_rejected_first(client: AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}

    response = await client.post(ITEMS, content=b'{"a": 1, "a": 2}', headers=headers)

    assert_problem(response, 401, "unauthenticated")


async def test_objects_with_the_same_names_are_accepted(as_user: As, user: User) -> None:
    items = [item_body(description="name"), item_body(description='a \\ and a " and name')]

    response = await (await as_user(user)).post(f"{ITEMS}/batch", json={"items": items})

    assert response.status_code == 200, response.text


@pytest.mark.parametrize("document", [b"", b'{"a": "a"', b'"a" "a"', b"[" * 100_000, b"\xff\0"])
def test_malformed_document_is_left_to_the_parser(document: bytes) -> None:
    check_names(document)


def test_time_is_linear_in_the_number_of_names() -> None:
    names = ", ".join(f'"a{number}": 1' for number in range(30_000))
    started = time.process_time()

    with pytest.raises(RepeatedName):
        check_names(f'{{{names}, "a29999": 2}}'.encode())

    assert time.process_time() - started < 2


async def test_repeated_name_of_a_large_document_is_rejected(as_user: As, user: User) -> None:
    document = f'{{"description": "{"x" * MAX_AT_ONCE_BYTES}", {ITEM}, {ITEM}}}'
    headers = {"Content-Type": "application/json"}

    response = await (await as_user(user)).post(ITEMS, content=document.encode(), headers=headers)

    assert_problem(response, 400, "repeated_name")
