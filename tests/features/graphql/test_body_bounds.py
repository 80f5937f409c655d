"""Bodies: bounded before they are read."""

from fastapi import FastAPI

from app.features.users.models.user import User
from app.http.schemas import MAX_ERRORS
from tests.conftest import As
from tests.http.test_body_bounds import Body, status_of


class TestBody:
    async def test_is_not_read_before_the_caller_is_known(self, app: FastAPI) -> None:
        body = Body(1_000_000)

        assert await status_of(app, body, "/graphql") == 401
        assert body.read == 0

    async def test_variables_of_graphql_are_bounded(self, as_user: As, user: User) -> None:
        client = await as_user(user)
        query = "query($tags: [String!]) { items(filter: {tag: $tags}) { edges { cursor } } }"

        for count, status in ((1000, 422), (500, 200)):
            body = {"query": query, "variables": {"tags": [1] * count}}
            response = await client.post("/graphql", json=body)
            assert response.status_code == status
            assert len(response.json()["errors"]) <= MAX_ERRORS
