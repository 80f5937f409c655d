"""Media types and status codes of responses: GraphQL over HTTP, section 6."""

import json

import pytest
from httpx2 import AsyncClient, Response

from app.features.users.models.user import User
from tests.conftest import As
from tests.problems import broken

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
# Of Apollo Client, and of urql.
APOLLO = f"{GRAPHQL_JSON},{JSON};q=0.9"
URQL = f"{GRAPHQL_JSON}, application/graphql+json, {JSON}, text/event-stream, multipart/mixed"
HASH = {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}


@pytest.fixture
async def caller(as_user: As, user: User) -> AsyncClient:
    return await as_user(user)


async def post(caller: AsyncClient, accept: str, query: str, **variables: str) -> Response:
    body = {"query": query, "variables": variables}
    return await caller.post("/graphql", json=body, headers={"Accept": accept})


class TestMediaType:
    @pytest.mark.parametrize(
        ("accept", "expected"),
        [
            ("*/*", JSON),
            (JSON, JSON),
            (f"{JSON}, {GRAPHQL_JSON};q=0.5", JSON),
            (GRAPHQL_JSON, GRAPHQL_JSON),
            (APOLLO, GRAPHQL_JSON),
            (URQL, GRAPHQL_JSON),
        ],
    )
    async def test_is_the_one_that_the_client_prefers(
        self, caller: AsyncClient, accept: str, expected: str
    ) -> None:
        response = await post(caller, accept, "{ me { username } }")

        assert response.headers["Content-Type"] == expected
        assert (response.status_code, response.json().keys()) == (200, {"data"})

    async def test_is_the_same_by_get(self, caller: AsyncClient) -> None:
        headers, parameters = {"Accept": APOLLO}, {"query": "{ nothing }"}

        response = await caller.get("/graphql", params=parameters, headers=headers)

        assert (response.status_code, response.headers["Content-Type"]) == (400, GRAPHQL_JSON)


class TestStatus:
    @pytest.mark.parametrize(
        "query",
        [
            "{ me {",
            "{ nothing }",
            "query ($id: ID!) { user(id: $id) { username } }",
            "query a { me { id } } query b { me { id } }",
        ],
        ids=["syntax", "validation", "variables", "operation"],
    )
    @pytest.mark.parametrize(("accept", "status"), [(JSON, 200), (GRAPHQL_JSON, 400)])
    async def test_tells_whether_an_operation_was_executed(
        self, caller: AsyncClient, query: str, accept: str, status: int
    ) -> None:
        response = await post(caller, accept, query)

        assert response.status_code == status
        assert response.json().keys() == {"errors"}

    async def test_error_of_a_field_is_part_of_a_result(self, caller: AsyncClient) -> None:
        response = await post(caller, GRAPHQL_JSON, "{ me { id } users { totalCount } }")

        assert (response.status_code, response.json().keys()) == (200, {"data", "errors"})


class TestPersistedQuery:
    async def test_hash_is_answered_as_clients_expect(self, caller: AsyncClient) -> None:
        headers = {"Accept": APOLLO}
        posted = await caller.post("/graphql", json={"extensions": HASH}, headers=headers)
        parameters = {"extensions": json.dumps(HASH)}
        got = await caller.get("/graphql", params=parameters, headers=headers)

        for response in (posted, got):
            (error,) = response.json()["errors"]
            assert error["message"] == "PersistedQueryNotSupported"
            assert error["extensions"]["code"] == "persisted_query_not_supported"
            assert response.json().keys() == {"errors"}

    async def test_hash_beside_the_query_is_ignored(self, caller: AsyncClient) -> None:
        body = {"query": "{ __typename }", "extensions": HASH}

        response = await caller.post("/graphql", json=body)

        assert response.json() == {"data": {"__typename": "Query"}}

    async def test_neither_is_a_missing_query(self, caller: AsyncClient) -> None:
        assert broken(await caller.get("/graphql")) == {"/query/query": "missing"}
        assert broken(await caller.post("/graphql", json={})) == {"/body/query": "missing"}


async def test_batch_is_rejected_with_the_reason(caller: AsyncClient) -> None:
    response = await caller.post("/graphql", json=[{"query": "{ __typename }"}] * 2)

    assert broken(response) == {"/body": "batch_not_supported"}
    assert "no batches" in response.json()["errors"][0]["message"]
