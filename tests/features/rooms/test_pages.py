"""Pages for trying things by hand."""

from httpx2 import AsyncClient
from pydantic import SecretStr

from tests.conftest import Running, new_client
from tests.problems import assert_problem


class TestChat:
    async def test_is_there_in_development(self, client: AsyncClient) -> None:
        response = await client.get("/dev/chat")

        assert response.status_code == 200
        assert "'unsafe-inline'" not in response.headers["Content-Security-Policy"]

    async def test_is_not_there_in_production(self, running: Running) -> None:
        changes = {
            "environment": "production",
            "secret_key": SecretStr(
                "1f83d9abfb41bd6b5be0cd19137e2179a54ff53a5f1d36f1510e527fade682d1"
            ),
        }
        async with running(**changes) as production, new_client(production) as client:
            assert_problem(await client.get("/dev/chat"), 404, "not_found")
