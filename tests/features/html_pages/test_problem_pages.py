"""Errors as pages, for clients that ask for HTML."""

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient

from tests.problems import assert_problem

# As browsers send it.
HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


class TestPage:
    async def test_shows_the_problem(self, client: AsyncClient) -> None:
        response = await client.get("/nothing", headers=HTML)

        assert response.status_code == 404
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert response.headers["Vary"] == "Accept"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert "Not found" in response.text
        assert response.headers["X-Request-ID"] in response.text
        assert 'href="/problems/not_found"' in response.text

    async def test_has_the_header_fields_of_the_problem(self, client: AsyncClient) -> None:
        unauthenticated = await client.get("/api/v1/items", headers=HTML)
        not_allowed = await client.post("/liveness", headers=HTML)

        assert unauthenticated.headers["WWW-Authenticate"] == "Bearer"
        assert not_allowed.headers["Allow"] == "GET, HEAD, OPTIONS"

    async def test_names_violations_and_escapes_them(self, client: AsyncClient) -> None:
        response = await client.get("/health", params={"<b>": "1"}, headers=HTML)

        assert response.status_code == 422
        assert "<code>/query/&lt;b&gt;</code> There is no such query parameter" in response.text

    async def test_links_start_with_the_root_path(self, app: FastAPI) -> None:
        transport = ASGITransport(app, root_path="/shop")
        async with AsyncClient(transport=transport, base_url="http://test") as client:
            response = await client.get("/shop/nothing", headers=HTML)

        assert 'href="/shop/problems/not_found"' in response.text


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "application/problem+json, text/html", "image/png", ""]
)
async def test_others_get_a_problem(client: AsyncClient, accept: str) -> None:
    response = await client.get("/nothing", headers={"Accept": accept})

    assert_problem(response, 404, "not_found")
