"""Health of Redis."""

from tests.conftest import Running, new_client


class TestHealth:
    async def test_unreachable_redis_degrades(self, running: Running) -> None:
        async with running(redis_url="redis://127.0.0.1:1") as app, new_client(app) as client:
            response = await client.get("/health")

        assert (response.status_code, response.json()["status"]) == (200, "degraded")
        assert response.json()["dependencies"]["redis"]["status"] == "down"
        assert "127.0.0.1" not in response.text
