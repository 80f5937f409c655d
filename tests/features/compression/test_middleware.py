"""Compression, and the entity tags of compressed responses."""

import gzip
from collections.abc import Callable

import pytest
from httpx2 import AsyncClient, Response

from app.features.items.models import Item
from app.features.users.models.user import User
from tests.conftest import As, Save
from tests.factories import item_body, make_item

ITEMS = "/api/v1/items"
LONG = "a long body " * 200
GZIP, IDENTITY = {"Accept-Encoding": "gzip"}, {"Accept-Encoding": "identity"}
TAGS = [f"{number:030}" for number in range(20)]
Headers = dict[str, str]


@pytest.fixture
async def author(as_user: As, user: User) -> AsyncClient:
    return await as_user(user)


@pytest.fixture
async def item(save: Save, user: User) -> Item:
    return await save(make_item(user, description=LONG[:500], tags=TAGS))


@pytest.fixture
def path(item: Item) -> str:
    return f"{ITEMS}/{item.id}"


async def test_long_response_is_compressed(author: AsyncClient, user: User, save: Save) -> None:
    for _ in range(10):
        await save(make_item(user))

    async with author.stream("GET", ITEMS, headers=GZIP) as response:
        raw = b"".join([chunk async for chunk in response.aiter_raw()])

    assert response.headers["Content-Encoding"] == "gzip"
    assert len(raw) < len(gzip.decompress(raw)) / 3


async def test_short_response_is_not_compressed(client: AsyncClient) -> None:
    response = await client.get("/liveness", headers=GZIP)

    assert "Content-Encoding" not in response.headers
    assert "Accept-Encoding" not in response.headers.get("Vary", "")


@pytest.mark.parametrize(
    "value", ["identity", "gzip;q=0", "*;q=0", "br", "", "gzip;q=0.1, identity"]
)
@pytest.mark.parametrize("url", ["/openapi.json", "/static/site.css"])
async def test_client_may_decline(client: AsyncClient, url: str, value: str) -> None:
    response = await client.get(url, headers={"Accept-Encoding": value})

    assert "Content-Encoding" not in response.headers
    assert "Accept-Encoding" in response.headers["Vary"]


@pytest.mark.parametrize("value", ["GZIP", "x-gzip", "*", "br;q=1, gzip;q=0.2"])
@pytest.mark.parametrize("url", ["/openapi.json", "/static/site.css"])
async def test_weights_and_case_are_understood(client: AsyncClient, url: str, value: str) -> None:
    response = await client.get(url, headers={"Accept-Encoding": value})

    assert response.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in response.headers["Vary"]


async def test_responses_with_different_codings_have_different_tags(
    author: AsyncClient, path: str
) -> None:
    plain, coded = await author.get(path, headers=IDENTITY), await author.get(path, headers=GZIP)

    assert (plain.headers["ETag"], coded.headers["ETag"]) == ('"1"', '"1-gzip"')
    assert plain.json() == coded.json()
    for response in (plain, coded):
        assert "Accept-Encoding" in response.headers["Vary"]


async def test_head_has_the_headers_of_get(author: AsyncClient, path: str) -> None:
    for headers in (GZIP, IDENTITY):
        got, head = (
            await author.get(path, headers=headers),
            await author.head(path, headers=headers),
        )

        assert head.content == b""
        for name in ("ETag", "Content-Length", "Vary", "Last-Modified"):
            assert head.headers[name] == got.headers[name]
        assert head.headers.get("Content-Encoding") == got.headers.get("Content-Encoding")


@pytest.mark.parametrize("accepted", [GZIP, IDENTITY])
@pytest.mark.parametrize("tag", ['"1"', '"1-gzip"', 'W/"1"', '"9", "1-gzip"'])
async def test_both_tags_are_valid_for_reads(
    author: AsyncClient, path: str, tag: str, accepted: Headers
) -> None:
    response = await author.get(path, headers=accepted | {"If-None-Match": tag})

    assert response.status_code == 304
    assert response.headers["ETag"] == ('"1-gzip"' if "gzip" in tag else '"1"')
    assert "Accept-Encoding" in response.headers["Vary"]


@pytest.mark.parametrize("change", ["put", "patch", "delete", "process"])
async def test_tag_of_compressed_response_is_valid_for_writes(
    author: AsyncClient, path: str, change: str
) -> None:
    tag = (await author.get(path, headers=GZIP)).headers["ETag"]
    body = item_body(name="New")
    requests: dict[str, Callable[[Headers], object]] = {
        "put": lambda headers: author.put(path, json=body, headers=headers),
        "patch": lambda headers: author.patch(path, json=body, headers=headers),
        "delete": lambda headers: author.delete(path, headers=headers),
        "process": lambda headers: author.post(f"{path}/process", headers=headers),
    }

    response = await requests[change]({"If-Match": tag})  # type: ignore[misc]

    assert isinstance(response, Response)
    assert response.status_code in {200, 202, 204}
