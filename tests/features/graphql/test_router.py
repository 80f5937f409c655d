"""GraphQL: the rules of the other endpoints, in one request."""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from pydantic import SecretStr

from app.db.compiled import CompiledStatement, R
from app.db.executor import Reader
from app.db.resources import DatabaseResources
from app.features.users.crud import users
from app.features.users.models.user import User
from tests.conftest import As, Running, Save, access_token, new_client
from tests.factories import PASSWORD, make_category, make_item
from tests.features.graphql.operations import code, data, execute
from tests.forged_tokens import forged_tokens, sendable
from tests.problems import assert_problem, broken
from tests.scenes import Scene
from tests.security.test_authorization import mixed_up, target
from tests.state import reads_of, replaced

ITEMS = """
query($first: Int!, $after: String, $filter: ItemFilter) {
  items(first: $first, after: $after, filter: $filter) {
    edges { cursor node { id name price owner { username } category { name parent { name } } } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""
CREATE = "mutation($input: CreateItemInput!) { createItem(input: $input) { id price createdAt } }"
UPDATE = (
    "mutation($id: ID!, $input: UpdateItemInput!) "
    "{ updateItem(id: $id, input: $input) { name price version } }"
)
DELETE = "mutation($id: ID!) { deleteItem(id: $id) }"
# As browsers send it.
HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
CREATE_USER = "mutation($input: CreateUserInput!) { createUser(input: $input) { email role } }"


class TestAuthentication:
    async def test_anonymous_client_is_rejected(self, client: AsyncClient) -> None:
        response = await client.post("/graphql", json={"query": "{me{id}}"})

        assert_problem(response, 401, "unauthenticated")

    async def test_forged_tokens_are_rejected(
        self, app: FastAPI, client: AsyncClient, admin: User
    ) -> None:
        forged = sendable(forged_tokens(await target(app, admin)))
        forged |= await mixed_up(Scene(app, admin))

        for what, token in forged.items():
            response = await client.post(
                "/graphql",
                json={"query": "{me{id}}"},
                headers={"Authorization": f"Bearer {token}"},
            )
            assert response.status_code == 401, what

        assert len(forged) >= 60

    @pytest.mark.parametrize(
        ("query", "scope"),
        [
            ("{me{id}}", "users:read"),
            ("{users{edges{cursor}}}", "admin"),
            ("{items{edges{cursor}}}", "items:read"),
            ('mutation{createItem(input:{name:"x",price:"1"}){id}}', "items:write"),
        ],
    )
    async def test_each_field_requires_its_scope(
        self, as_user: As, admin: User, query: str, scope: str
    ) -> None:
        others = {"users:read", "items:read", "items:write", "admin"} - {scope}
        client = await as_user(admin, scopes=tuple(others))

        assert await code(client, query) == "insufficient_scope"
        assert await data(await as_user(admin), query)

    async def test_others_accounts_are_for_administrators(
        self, as_user: As, admin: User, user: User, other_user: User
    ) -> None:
        query = "query($id: ID!) { user(id: $id) { email } }"
        client = await as_user(user)

        assert await code(client, query, id=str(other_user.id)) == "not_permitted"
        assert (await data(client, query, id=str(user.id)))["user"]["email"] == user.email
        assert await data(await as_user(admin), query, id=str(other_user.id))


class TestQueries:
    async def test_walks_every_item_once_by_cursor(
        self, as_user: As, user: User, save: Save
    ) -> None:
        for number in range(5):
            await save(make_item(user, name=f"item {number}"))
        client, names, after, pages = await as_user(user), [], None, 0

        while True:
            found = (await data(client, ITEMS, first=2, after=after))["items"]
            names += [edge["node"]["name"] for edge in found["edges"]]
            pages, after = pages + 1, found["pageInfo"]["endCursor"]
            assert found["pageInfo"]["hasPreviousPage"] is (pages > 1)
            if not found["pageInfo"]["hasNextPage"]:
                break

        assert names == [f"item {number}" for number in (4, 3, 2, 1, 0)]
        assert pages == 3

    async def test_total_counts_all_pages_when_it_is_selected(
        self, as_user: As, user: User, save: Save
    ) -> None:
        for number in range(3):
            await save(make_item(user, name=f"desk {number}", price=Decimal(number + 1)))
        client = await as_user(user)
        query = 'query($after: String) { items(first: 1, after: $after, filter: {minPrice: "2"}) { '

        page = await data(client, query + "totalCount pageInfo { endCursor } } }")
        cursor = page["items"]["pageInfo"]["endCursor"]
        next_page = await data(client, query + "totalCount } }", after=cursor)

        assert page["items"]["totalCount"] == next_page["items"]["totalCount"] == 2

    async def test_cursor_of_the_list_serves_as_well(
        self, as_user: As, user: User, save: Save
    ) -> None:
        for number in range(3):
            await save(make_item(user, name=f"item {number}"))
        client = await as_user(user)
        cursor = (await client.get("/api/v1/items?limit=1")).json()["next_cursor"]

        found = (await data(client, ITEMS, first=1, after=cursor))["items"]

        assert found["edges"][0]["node"]["name"] == "item 1"

    async def test_filters_like_the_list(self, as_user: As, user: User, save: Save) -> None:
        await save(make_item(user, name="Walnut desk", tags=["wood"], price=Decimal(5)))
        await save(make_item(user, name="Walnut chair", tags=["wood"], price=Decimal(50)))
        await save(make_item(user, name="Linen chair", tags=[], price=Decimal(50)))
        client = await as_user(user)
        wanted = {"q": "walnut", "tag": ["wood"], "minPrice": "10", "ownerId": str(user.id)}

        found = (await data(client, ITEMS, first=5, filter=wanted))["items"]

        assert [edge["node"]["name"] for edge in found["edges"]] == ["Walnut chair"]

    async def test_statements_do_not_grow_with_the_rows(
        self, app: FastAPI, as_user: As, user: User, other_user: User, save: Save
    ) -> None:
        parent = await save(make_category(name="Furniture"))
        for number in range(10):
            category = await save(make_category(name=f"c{number}", parent_id=parent.id))
            await save(make_item((user, other_user)[number % 2], category_id=category.id))
        client = await as_user(user)
        await data(client, ITEMS, first=10)
        counts = []
        for _ in range(3):  # The service has statements of its own in between.
            before = reads_of(app).statements
            found = (await data(client, ITEMS, first=10))["items"]
            counts.append(reads_of(app).statements - before)

        # The items, their owners, their categories, the parents of those.
        assert min(counts) == 4
        assert {edge["node"]["category"]["parent"]["name"] for edge in found["edges"]} == {
            "Furniture"
        }
        assert {edge["node"]["owner"]["username"] for edge in found["edges"]} == {
            user.username,
            other_user.username,
        }

    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            ("first: 0", "validation_failed"),
            ("first: 101", "validation_failed"),
            ('after: "x"', "invalid_cursor"),
            ('after: "\\u0000"', "invalid_cursor"),
            ('filter: {q: "ab"}', "validation_failed"),
            ('filter: {q: "a\\u0000bc"}', "validation_failed"),
            ('filter: {minPrice: "-1"}', "validation_failed"),
            ('filter: {minPrice: "NaN"}', "invalid_query"),
            ("first: 99999999999", "invalid_query"),
        ],
    )
    async def test_invalid_argument_is_rejected(
        self, as_user: As, user: User, arguments: str, expected: str
    ) -> None:
        client = await as_user(user)

        assert await code(client, f"{{items({arguments}){{edges{{cursor}}}}}}") == expected

    @pytest.mark.parametrize(
        ("arguments", "pointer"),
        [("first: 0", "/first"), ('filter: {minPrice: "-1"}', "/filter/minPrice")],
    )
    async def test_rejection_points_at_the_argument(
        self, as_user: As, user: User, arguments: str, pointer: str
    ) -> None:
        response = await execute(await as_user(user), f"{{items({arguments}){{edges{{cursor}}}}}}")

        (error,) = response["errors"]
        assert [each["pointer"] for each in error["extensions"]["errors"]] == [pointer]

    async def test_failed_field_does_not_affect_others(self, as_user: As, user: User) -> None:
        query = "{ me { username } users { edges { cursor } } }"

        response = await execute(await as_user(user), query)

        assert response["data"] == {"me": {"username": user.username}, "users": None}
        assert [each["path"] for each in response["errors"]] == [["users"]]

    async def test_unknown_item_is_not_found(self, as_user: As, user: User) -> None:
        query = '{ item(id: "0198f3c2-7d5e-7a41-9b0c-3f6f1d2e4a58") { id } }'

        assert await code(await as_user(user), query) == "not_found"


class TestMutations:
    async def test_item_is_created_changed_and_deleted(self, as_user: As, user: User) -> None:
        client = await as_user(user)
        given = {"name": "Desk", "price": "9.5", "tags": ["wood"]}

        created = (await data(client, CREATE, input=given))["createItem"]
        changed = await data(client, UPDATE, id=created["id"], input={"price": "8"})
        read = await client.get(f"/api/v1/items/{created['id']}")
        await data(client, DELETE, id=created["id"])

        assert created["price"] == "9.50"
        assert created["createdAt"] == read.json()["created_at"]
        assert changed["updateItem"] == {"name": "Desk", "price": "8.00", "version": 2}
        assert (read.json()["price"], read.json()["tags"]) == ("8.00", ["wood"])
        assert (await client.get(f"/api/v1/items/{created['id']}")).status_code == 404

    async def test_invalid_fields_are_named_as_in_rest(self, as_user: As, user: User) -> None:
        client = await as_user(user)
        given = {"name": "", "price": "-1", "tags": ["Not A Tag"]}

        response = await execute(client, CREATE, input=given)

        (error,) = response["errors"]
        places = {each["pointer"]: each["code"] for each in error["extensions"]["errors"]}
        assert places == {
            "/input/name": "string_too_short",
            "/input/price": "greater_than",
            "/input/tags/0": "string_pattern_mismatch",
        }
        assert "Not A Tag" not in json.dumps(response)

    async def test_items_of_others_are_not_changed(
        self, as_user: As, user: User, other_user: User, save: Save
    ) -> None:
        item = await save(make_item(other_user))
        client = await as_user(user)

        assert await code(client, UPDATE, id=str(item.id), input={"name": "x"}) == "not_permitted"
        assert await code(client, DELETE, id=str(item.id)) == "not_permitted"

    async def test_failed_mutation_rolls_back_only_itself(self, as_user: As, user: User) -> None:
        client = await as_user(user)
        query = """mutation {
          first: createItem(input: {name: "kept", price: "1"}) { id }
          second: createItem(input: {name: "lost", price: "1",
            categoryId: "0198f3c2-7d5e-7a41-9b0c-3f6f1d2e4a58"}) { id }
        }"""

        response = await execute(client, query)

        (error,) = response["errors"]
        assert error["path"] == ["second"]
        assert error["extensions"]["errors"][0]["pointer"] == "/input/categoryId"
        assert response["data"]["first"]["id"]
        assert response["data"]["second"] is None
        items = (await client.get("/api/v1/items")).json()["items"]
        assert [item["name"] for item in items] == ["kept"]

    async def test_administrator_opens_an_account(
        self, as_user: As, admin: User, user: User
    ) -> None:
        given = {"email": "new@example.com", "username": "newcomer", "password": PASSWORD}

        assert await code(await as_user(user), CREATE_USER, input=given) == "insufficient_scope"
        created = await data(await as_user(admin), CREATE_USER, input=given)
        again = await code(await as_user(admin), CREATE_USER, input=given)

        assert created["createUser"] == {"email": "new@example.com", "role": "USER"}
        assert again in {"email_taken", "username_taken"}

    async def test_weak_password_is_pointed_at(self, as_user: As, admin: User) -> None:
        given = {"email": "new@example.com", "username": "newcomer", "password": "password1234"}

        response = await execute(await as_user(admin), CREATE_USER, input=given)

        (broken_rule,) = response["errors"][0]["extensions"]["errors"]
        assert broken_rule["pointer"] == "/input/password"

    async def test_password_is_never_repeated(self, as_user: As, admin: User) -> None:
        given = {"username": "newcomer", "password": "canary-7f3a9c-canary"}
        inline = 'mutation { createUser(input: {password: "canary-7f3a9c-canary"}) { id } }'

        for response in (
            await execute(await as_user(admin), CREATE_USER, input=given),
            await execute(await as_user(admin), inline),
        ):
            assert response["errors"]
            assert "canary" not in json.dumps(response)

    async def test_same_idempotency_key_creates_once(self, as_user: As, user: User) -> None:
        client = await as_user(user)
        body = {"query": 'mutation{createItem(input:{name:"x",price:"1"}){id}}'}

        responses = [
            await client.post("/graphql", json=body, headers={"Idempotency-Key": "k"})
            for _ in range(2)
        ]

        assert responses[0].content == responses[1].content
        assert responses[1].headers["Idempotency-Replayed"] == "true"


class FailingReads(Reader):
    """A database that raises something unexpected when a user is read."""

    def __init__(self, reads: Reader) -> None:
        self._reads = reads

    async def fetch(
        self, query: CompiledStatement[Any], values: Mapping[str, Any]
    ) -> Sequence[asyncpg.Record]:
        if query is users.BY_ID:
            raise ZeroDivisionError("canary")
        return await self._reads.fetch(query, values)

    def stream(self, query: CompiledStatement[R], **values: Any) -> AsyncGenerator[list[R]]:
        return self._reads.stream(query, **values)


class TestRequest:
    async def test_batch_is_rejected(self, as_user: As, user: User) -> None:
        response = await (await as_user(user)).post("/graphql", json=[{"query": "{me{id}}"}] * 2)

        assert broken(response)

    @pytest.mark.parametrize(
        ("query", "name", "message"),
        [
            ("query a {me{id}} query b {me{id}}", None, "operationName"),
            ("query a {me{id}}", "b", "no such operation"),
            ("{me{id}}", "", "no such operation"),
            ("fragment a on User {id}", None, "no such operation"),
            ("subscription {itemEvents{id}}", None, "WebSocket"),
        ],
    )
    async def test_unknown_operation_name_is_rejected(
        self, as_user: As, user: User, query: str, name: str | None, message: str
    ) -> None:
        body = {"query": query, "operationName": name}

        response = (await (await as_user(user)).post("/graphql", json=body)).json()

        (error,) = response["errors"]
        assert ("data" in response, error["extensions"]["code"]) == (False, "invalid_query")
        assert message in error["message"]

    async def test_operation_is_chosen_by_its_name(self, as_user: As, user: User) -> None:
        body = {"query": "query a {me{id}} query b {me{username}}", "operationName": "b"}

        response = (await (await as_user(user)).post("/graphql", json=body)).json()

        assert response == {"data": {"me": {"username": user.username}}}

    @pytest.mark.parametrize(
        ("query", "variables", "message"),
        [
            ("query($id: ID!){user(id: $id){id}}", {}, "Variable '$id' has invalid value: Exp"),
            ("query($id: ID!){user(id: $id){id}}", {"id": "s3cret"}, "Variable '$id' has inval"),
            ("query($x: Int){me{id}}", {"x": 1}, "Variable '$x' is never used"),
            ("{user{id}}", {}, "Argument 'Query.user(id:)' of type 'ID!' is required"),
            ('{user(id: "s3cret"){id}}', {}, "A value does not fit its type."),
            (CREATE, {"input": {"name": "s3cret"}}, "Variable '$input' has invalid value: Exp"),
            (CREATE, {"input": {"name": ["s3cret"]}}, "Variable '$input' has invalid value at"),
            (CREATE, {"input": {"name": "s3cret", "pric": 1}}, "Variable '$input' has invalid va"),
            ('mutation{createUser(input:{password:"s3cret",rol:USER}){id}}', {}, "Expected value"),
            ("{items(first: 5" + 5000 * "0" + "){totalCount}}", {}, "Expected value of type 'Int"),
        ],
    )
    async def test_mistake_is_named_and_no_value_repeated(
        self, as_user: As, user: User, query: str, variables: dict[str, Any], message: str
    ) -> None:
        response = await execute(await as_user(user), query, **variables)

        assert response["errors"][0]["message"].startswith(message)
        assert response["errors"][0]["extensions"]["code"] == "invalid_query"
        assert "s3cret" not in json.dumps(response)

    async def test_body_is_limited(self, as_user: As, user: User) -> None:
        body = {"query": "{me{id}}", "variables": {"x": "x" * 1024 * 1024}}

        assert (await (await as_user(user)).post("/graphql", json=body)).status_code == 413

    async def test_unexpected_error_is_masked(self, app: FastAPI, as_user: As, user: User) -> None:
        with replaced(app, DatabaseResources, reads=FailingReads(reads_of(app))):
            response = await execute(await as_user(user), "{me{id}}")

        assert response["errors"][0]["extensions"]["code"] == "internal_error"
        assert "canary" not in json.dumps(response)

    async def test_attack_is_an_error_with_a_code(self, as_user: As, user: User) -> None:
        query = "{" + " ".join(f"a{number}:me{{id}}" for number in range(16)) + "}"

        assert await code(await as_user(user), query) == "query_too_complex"

    async def test_production_has_no_introspection(
        self, app: FastAPI, running: Running, user: User
    ) -> None:
        changes = {
            "environment": "production",
            "secret_key": SecretStr(
                "1f83d9abfb41bd6b5be0cd19137e2179a54ff53a5f1d36f1510e527fade682d1"
            ),
        }
        async with running(**changes) as production, new_client(production) as client:
            token = await access_token(production, user)
            client.headers["Authorization"] = f"Bearer {token}"
            asked = await execute(client, "{__schema{types{name}}}")
            misspelled = await execute(client, "{item{nam}}")
            page = await client.get("/graphql", headers=HTML)

        assert "introspection" in asked["errors"][0]["message"]
        assert "Did you mean" not in json.dumps(misspelled)
        assert page.status_code == 404

    async def test_page_needs_the_development_dependencies(
        self, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.features.graphql.pages.GRAPHIQL_PACKAGE", None)

        assert (await client.get("/graphql", headers=HTML)).status_code == 404

    async def test_development_has_a_page_for_browsers(self, client: AsyncClient) -> None:
        response = await client.get("/graphql", headers=HTML)

        assert response.status_code == 200
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "unsafe" not in response.headers["Content-Security-Policy"]


class TestCost:
    async def test_rows_are_counted_by_the_rate_limit(self, running: Running, user: User) -> None:
        query = "{items(first: 100) {edges {node {owner {username}}}}}"
        async with running(rate_limit_default="5/minute") as app:
            token = await access_token(app, user)
            async with new_client(app, Authorization=f"Bearer {token}") as client:
                first = await client.post("/graphql", json={"query": query})
                rejected = await client.post("/graphql", json={"query": query})

        # Two hundred rows count as two more requests.
        assert first.headers.get_list("ratelimit")[0].startswith('"default";r=2;')
        assert_problem(rejected, 429, "rate_limited")

    async def test_number_of_errors_is_bounded(self, as_user: As, user: User) -> None:
        unknown = {f"field{number}": 1 for number in range(300)}

        response = await execute(await as_user(user), CREATE, input=unknown)

        assert len(response["errors"]) == 50

    @pytest.mark.parametrize(
        "query",
        [
            "{me {" + " ".join(f"usernam{number}" for number in range(480)) + "}}",
            "{items(filter: {"
            + ",".join(f"a{number}: 1" for number in range(90))
            + "}) {totalCount}}",
        ],
    )
    async def test_validation_stops_at_ten_errors(
        self, as_user: As, user: User, query: str
    ) -> None:
        response = await execute(await as_user(user), query)

        assert len(response["errors"]) == 11
        assert response["errors"][-1]["message"].startswith("Too many validation errors")
