"""Examples for the chapters of the guide, continued from `tests/test_chapters.py`."""

from httpx2 import AsyncClient


class TestChapter1HelloWorld:
    async def test_root_returns_hello(self, client: AsyncClient) -> None:
        response = await client.get("/")

        assert response.headers["content-type"].startswith("text/html")


class TestChapter3Responses:
    async def test_redirect(self, client: AsyncClient) -> None:
        response = await client.get("/api", follow_redirects=False)

        assert (response.status_code, response.headers["location"]) == (307, "/docs")
