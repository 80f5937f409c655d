"""Compression, and the entity tags of compressed answers."""

import gzip
from collections.abc import Callable

import pytest
from httpx2 import AsyncClient, Response

from app.features.posts.models import Post
from app.features.users.models.user import User
from tests.conftest import As, Save
from tests.factories import make_item
from tests.features.posts.factories import make_post

ITEMS = "/api/v1/items"
LONG = "a long body " * 200
GZIP, IDENTITY = {"Accept-Encoding": "gzip"}, {"Accept-Encoding": "identity"}
Headers = dict[str, str]


@pytest.fixture
async def author(as_user: As, user: User) -> AsyncClient:
    return await as_user(user)


@pytest.fixture
async def post(save: Save, user: User) -> Post:
    return await save(make_post(user, body=LONG))


@pytest.fixture
def path(post: Post) -> str:
    return f"/api/v1/posts/{post.id}"


async def test_long_answer_is_compressed(author: AsyncClient, user: User, save: Save) -> None:
    for _ in range(10):
        await save(make_item(user))

    async with author.stream("GET", ITEMS, headers=GZIP) as response:
        raw = b"".join([chunk async for chunk in response.aiter_raw()])

    assert response.headers["Content-Encoding"] == "gzip"
    assert len(raw) < len(gzip.decompress(raw)) / 3


async def test_short_answer_is_not_compressed(client: AsyncClient) -> None:
    response = await client.get("/liveness", headers=GZIP)

    assert "Content-Encoding" not in response.headers
    assert "Accept-Encoding" not in response.headers.get("Vary", "")


@pytest.mark.parametrize(
    "value", ["identity", "gzip;q=0", "*;q=0", "br", "", "gzip;q=0.1, identity"]
)
@pytest.mark.parametrize("url", ["/openapi.json", "/static/docs.js"])
async def test_client_may_decline(client: AsyncClient, url: str, value: str) -> None:
    response = await client.get(url, headers={"Accept-Encoding": value})

    assert "Content-Encoding" not in response.headers
    assert "Accept-Encoding" in response.headers["Vary"]


@pytest.mark.parametrize("value", ["GZIP", "x-gzip", "*", "br;q=1, gzip;q=0.2"])
@pytest.mark.parametrize("url", ["/openapi.json", "/static/docs.js"])
async def test_weights_and_case_are_understood(client: AsyncClient, url: str, value: str) -> None:
    response = await client.get(url, headers={"Accept-Encoding": value})

    assert response.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in response.headers["Vary"]


async def test_answers_with_different_codings_have_different_tags(
    author: AsyncClient, path: str
) -> None:
    plain, coded = await author.get(path, headers=IDENTITY), await author.get(path, headers=GZIP)

    assert (plain.headers["ETag"], coded.headers["ETag"]) == ('"1"', '"1-gzip"')
    assert plain.json() == coded.json()
    for response in (plain, coded):
        assert "Accept-Encoding" in response.headers["Vary"]


async def test_head_names_what_get_would_answer(author: AsyncClient, path: str) -> None:
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
async def test_either_tag_is_known_on_reads(
    author: AsyncClient, path: str, tag: str, accepted: Headers
) -> None:
    response = await author.get(path, headers=accepted | {"If-None-Match": tag})

    assert response.status_code == 304
    assert response.headers["ETag"] == ('"1-gzip"' if "gzip" in tag else '"1"')
    assert "Accept-Encoding" in response.headers["Vary"]


@pytest.mark.parametrize("change", ["put", "patch", "delete", "publish"])
async def test_tag_of_compressed_answer_is_good_for_writes(
    author: AsyncClient, path: str, change: str
) -> None:
    tag = (await author.get(path, headers=GZIP)).headers["ETag"]
    body = {"title": "New", "body": "new"}
    requests: dict[str, Callable[[Headers], object]] = {
        "put": lambda headers: author.put(path, json=body, headers=headers),
        "patch": lambda headers: author.patch(path, json=body, headers=headers),
        "delete": lambda headers: author.delete(path, headers=headers),
        "publish": lambda headers: author.put(f"{path}/publication", headers=headers),
    }

    response = await requests[change]({"If-Match": tag})  # type: ignore[misc]

    assert isinstance(response, Response)
    assert response.status_code in {200, 204}


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


async def test_range_of_bytes_that_were_compressed_gets_the_whole(
    author: AsyncClient, user: User
) -> None:
    file = {"file": ("a.txt", LONG.encode(), "text/plain")}
    url = (await author.post("/api/v1/files", files=file)).headers["Location"] + "/content"

    tag = (await author.get(url)).headers["ETag"].removesuffix('"') + '-gzip"'
    response = await author.get(url, headers={"Range": "bytes=2-5", "If-Range": tag})

    assert (response.status_code, response.text) == (200, LONG)
