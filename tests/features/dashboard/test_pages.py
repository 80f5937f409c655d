"""The page of the dashboard, and the redirect of clients that prefer JSON."""

import pytest
from httpx2 import AsyncClient


async def test_redirect_is_relative(client: AsyncClient) -> None:
    response = await client.get("/dashboard", headers={"Accept": "application/json"})

    assert response.headers["Location"] == "/api/v1/dashboard"


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("text/html", 200),
        ("*/*", 200),
        ("application/json;q=0.5, text/html", 200),
        ("APPLICATION/JSON", 307),
        ("text/html;q=0.1, application/json", 307),
    ],
)
async def test_dashboard_page_follows_weights(
    client: AsyncClient, accept: str, status: int
) -> None:
    response = await client.get("/dashboard", headers={"Accept": accept})

    assert response.status_code == status
