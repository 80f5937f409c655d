"""Idempotency-Key: mutations."""

from fastapi import FastAPI

from app.features.users.models.user import User
from tests.conftest import As
from tests.features.idempotency.test_replay import count_items, keyed

CREATE = "mutation ($input: CreateItemInput!) { createItem(input: $input) { id } }"


class TestReplay:
    async def test_graphql_mutation_is_replayed_only_for_the_same_scopes(
        self, app: FastAPI, user: User, as_user: As
    ) -> None:
        body = {"query": CREATE, "variables": {"input": {"name": "Desk", "price": "1.00"}}}
        weak = await as_user(user, scopes=("items:read", "items:write"))
        mighty, headers = await as_user(user), keyed()

        first = await mighty.post("/graphql", json=body, headers=headers)
        same = await mighty.post("/graphql", json=body, headers=headers)
        other = await weak.post("/graphql", json=body, headers=headers)

        assert same.content == first.content
        assert other.json()["data"]["createItem"]["id"] != first.json()["data"]["createItem"]["id"]
        assert await count_items(app) == 2
