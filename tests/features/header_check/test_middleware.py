"""Header check: repeated fields, and fields that take long to parse."""

import pytest
from httpx2 import AsyncClient

from app.features.header_check.middleware import (
    MAX_CONTENT_TYPE_BYTES,
    SINGLETONS,
    repeated_singleton,
    unescaped_cookies,
)
from app.features.users.models.user import User
from tests.conftest import As, Save
from tests.factories import make_item
from tests.problems import assert_problem


@pytest.mark.parametrize("name", sorted(SINGLETONS))
def test_finds_repeated_singleton(name: bytes) -> None:
    headers = [(name, b"1"), (b"accept", b"*/*"), (name, b"1")]

    assert repeated_singleton(headers) == name.decode()


def test_accepts_repeated_list_field() -> None:
    assert repeated_singleton([(b"accept", b"a/b"), (b"accept", b"c/d")]) is None


@pytest.mark.parametrize("name", sorted(SINGLETONS))
async def test_repeated_singleton_is_rejected(client: AsyncClient, name: bytes) -> None:
    field = name.decode()
    headers = [(field.title(), "one"), (field, "one")]

    response = await client.get("/version", headers=headers)

    assert field in assert_problem(response, 400, "repeated_header")["detail"]


async def test_long_content_type_is_rejected(client: AsyncClient) -> None:
    separators = ";" * MAX_CONTENT_TYPE_BYTES
    headers = {"Content-Type": f'application/x-www-form-urlencoded; x="{separators}'}

    response = await client.post("/api/v1/auth/token", content=b"a=b", headers=headers)

    assert_problem(response, 431, "headers_too_large")


def test_cookie_with_backslash_is_removed() -> None:
    assert unescaped_cookies(rb'a=1; last_query="\101\""; b=2') == b"a=1; b=2"


async def test_escaped_cookie_is_ignored(as_user: As, user: User, save: Save) -> None:
    await save(make_item(user, name="Oak bookshelf"))
    signed_in = await as_user(user)
    remembered = {"Cookie": r'last_query="\160ine"'}  # Python reads it as `pine`.

    response = await signed_in.get("/api/v1/items?remember=true", headers=remembered)

    assert [item["name"] for item in response.json()["items"]] == ["Oak bookshelf"]
