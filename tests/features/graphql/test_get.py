"""Queries by GET: GraphQL over HTTP, section 4.2."""

import json

import pytest
from httpx2 import AsyncClient

from app.features.users.models.user import User
from tests.conftest import As
from tests.problems import assert_problem, broken

USER = "query One($id: ID!) { user(id: $id) { username } } query Two { me { id } }"
CREATE = '{ createItem(input: {name: "x", price: "1"}) { id } }'


class TestQuery:
    async def test_is_executed_with_its_variables(self, as_user: As, user: User) -> None:
        parameters = {
            "query": USER,
            "operationName": "One",
            "variables": json.dumps({"id": str(user.id)}),
            "extensions": "{}",
        }

        response = await (await as_user(user)).get("/graphql", params=parameters)

        assert response.json() == {"data": {"user": {"username": user.username}}}
        assert response.headers["Content-Type"] == "application/json"

    async def test_needs_a_credential(self, client: AsyncClient) -> None:
        response = await client.get("/graphql", params={"query": "{me{id}}"})

        assert_problem(response, 401, "unauthenticated")

    async def test_mutation_is_not_allowed(self, as_user: As, user: User) -> None:
        client = await as_user(user)
        query = f"query Read {{ me {{ id }} }} mutation Change {CREATE}"
        parameters = {"query": query, "operationName": "Change"}

        response = await client.get("/graphql", params=parameters)

        assert_problem(response, 405, "method_not_allowed")
        assert response.headers["Allow"] == "POST"
        assert (await client.get("/api/v1/items")).json()["items"] == []

    async def test_subscription_is_an_invalid_query(self, as_user: As, user: User) -> None:
        parameters = {"query": "subscription { itemEvents { id } }"}

        response = (await (await as_user(user)).get("/graphql", params=parameters)).json()

        assert response["errors"][0]["extensions"]["code"] == "invalid_query"

    @pytest.mark.parametrize(
        ("variables", "code"),
        [("{", "json_invalid"), ("[]", "dict_type"), ("7", "dict_type")],
    )
    async def test_invalid_variables_are_rejected(
        self, as_user: As, user: User, variables: str, code: str
    ) -> None:
        parameters = {"query": "{me{id}}", "variables": variables}

        response = await (await as_user(user)).get("/graphql", params=parameters)

        assert broken(response) == {"/query/variables": code}
        # There is no body, which the message for invalid JSON named before.
        assert "body" not in response.json()["errors"][0]["message"]

    async def test_variables_are_bounded(self, as_user: As, user: User) -> None:
        client = await as_user(user)
        wide = json.dumps({"x": [1] * 2000})
        deep = '{"x": ' + "[" * 40 + "]" * 40 + "}"

        for variables, status in ((wide, 413), (deep, 400)):
            parameters = {"query": "{me{id}}", "variables": variables}
            assert (await client.get("/graphql", params=parameters)).status_code == status

    async def test_head_has_no_body(self, as_user: As, user: User) -> None:
        response = await (await as_user(user)).head("/graphql", params={"query": "{me{id}}"})

        assert (response.status_code, response.content) == (200, b"")


class TestNegotiation:
    @pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html;q=0.5, */*"])
    async def test_others_than_browsers_get_no_page(
        self, as_user: As, user: User, accept: str
    ) -> None:
        client = await as_user(user)

        response = await client.get(
            "/graphql", params={"query": "{me{id}}"}, headers={"Accept": accept}
        )

        assert response.json() == {"data": {"me": {"id": str(user.id)}}}

    async def test_allowed_methods_are_those_of_both(self, as_user: As, user: User) -> None:
        response = await (await as_user(user)).put("/graphql")

        assert response.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
