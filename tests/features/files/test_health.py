"""Health of the storage."""

from tests.conftest import Running, new_client


class TestHealth:
    async def test_unreachable_storage_degrades(self, running: Running) -> None:
        async with running(storage_url="/dev/null/files") as app, new_client(app) as client:
            response = await client.get("/health")

        assert (response.status_code, response.json()["status"]) == (200, "degraded")
        assert response.json()["dependencies"]["storage"]["status"] == "down"
        assert "127.0.0.1" not in response.text
