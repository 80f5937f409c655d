"""Ranges of downloads, whatever coding the client accepts."""

import pytest
from httpx2 import AsyncClient

from app.features.users.models.user import User
from tests.conftest import As
from tests.features.compression.test_middleware import GZIP, LONG


@pytest.fixture
async def author(as_user: As, user: User) -> AsyncClient:
    return await as_user(user)


async def test_range_is_of_plain_bytes_with_any_accepted_coding(
    author: AsyncClient, user: User
) -> None:
    file = {"file": ("a.txt", LONG.encode(), "text/plain")}
    url = (await author.post("/api/v1/files", files=file)).headers["Location"] + "/content"

    whole = await author.get(url, headers=GZIP)
    part = {"Range": "bytes=2-5", "If-Range": whole.headers["ETag"]}
    ranged = await author.get(url, headers=GZIP | part)

    assert "Content-Encoding" not in whole.headers
    assert (ranged.status_code, ranged.content) == (206, LONG.encode()[2:6])
    assert ranged.headers["ETag"] == whole.headers["ETag"]


async def test_if_range_with_a_compressed_tag_gets_the_whole(
    author: AsyncClient, user: User
) -> None:
    file = {"file": ("a.txt", LONG.encode(), "text/plain")}
    url = (await author.post("/api/v1/files", files=file)).headers["Location"] + "/content"

    tag = (await author.get(url)).headers["ETag"].removesuffix('"') + '-gzip"'
    response = await author.get(url, headers={"Range": "bytes=2-5", "If-Range": tag})

    assert (response.status_code, response.text) == (200, LONG)
