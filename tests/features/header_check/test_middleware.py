"""Header fields with one value: a request that repeats one is rejected."""

import pytest
from httpx2 import AsyncClient

from app.features.header_check.middleware import SINGLETONS, repeated_singleton
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
