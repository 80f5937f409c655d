"""Conditional requests for the content of a file, with and without a range."""

from app.features.users.models.user import User
from tests.conftest import As
from tests.http.test_conditional_requests import LONG_AGO


async def test_download_follows_conditions(as_user: As, user: User) -> None:
    caller = await as_user(user)
    file = {"file": ("a.txt", b"0123456789", "text/plain")}
    url = (await caller.post("/api/v1/files", files=file)).headers["Location"] + "/content"
    read = await caller.get(url)
    tag, date = read.headers["ETag"], read.headers["Last-Modified"]
    part = {"Range": "bytes=2-5"}
    expected: list[tuple[str, dict[str, str], int]] = [
        ("GET", {"If-None-Match": tag}, 304),
        ("GET", part | {"If-None-Match": f"W/{tag}"}, 304),
        ("GET", part | {"If-Modified-Since": date}, 304),
        ("GET", part | {"If-Match": '"0"'}, 412),
        ("GET", part | {"If-Unmodified-Since": LONG_AGO}, 412),
        ("GET", part | {"If-Match": tag}, 206),
        ("GET", part | {"If-Range": tag}, 206),
        ("GET", part | {"If-Range": date}, 206),
        ("GET", part | {"If-Range": f"W/{tag}"}, 200),
        ("GET", part | {"If-Range": LONG_AGO}, 200),
        ("GET", {"Range": "bytes=99-", "If-Range": '"0"'}, 200),
        ("GET", {"Range": "bytes=99-"}, 416),
        ("GET", {"Range": "BYTES=2-5"}, 206),
        ("GET", {"Range": "bytes= 2-5 ,"}, 206),
        ("GET", {"Range": "bytes=0-1, 3-4"}, 200),
        ("HEAD", part, 200),
    ]

    for method, headers, status in expected:
        response = await caller.request(method, url, headers=headers)
        assert response.status_code == status, headers
        assert response.headers.get("Content-Length") != "0"
