"""Schema changes under GraphQL queries: outdated statements are repeated."""

from httpx2 import AsyncClient

from app.features.users.models.user import User
from tests.conftest import Save
from tests.db.test_schema_changes import (
    _original_type,  # noqa: F401  (a fixture, as those below)
    change_type,
    client,  # noqa: F401
    running_app,  # noqa: F401
)
from tests.factories import make_item


class TestChangeOfAType:
    async def test_fails_no_query_of_graphql(
        self,
        client: AsyncClient,  # noqa: F811
        save: Save,
        user: User,
        database_url: str,
    ) -> None:
        await save(make_item(user))
        query = {"query": "{ items(first: 2) { edges { node { tax } } } }"}
        for _ in range(2):
            response = (await client.post("/graphql", json=query)).json()
            assert "errors" not in response, response
            await change_type(database_url)
