"""Idempotency-Key: the same request is executed once."""

import asyncio
import json
import re
import uuid
from collections import Counter

from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import func, select

from app.config.rate_limit_policy import Policy
from app.features.items.models import Item
from app.features.users.models.user import User
from app.security.rate_limit import LocalWindows
from app.security.resources import RequestRateLimit
from tests.conftest import As, Running, access_token, new_client
from tests.e2e.service import ROOT
from tests.factories import PASSWORD, item_body
from tests.problems import assert_problem
from tests.state import replaced, units_of_work

ITEMS = "/api/v1/items"
NOWHERE = "postgresql+asyncpg://app@127.0.0.1:1/nowhere"


def keyed(key: str | None = None) -> dict[str, str]:
    return {"Idempotency-Key": key or uuid.uuid4().hex}


async def count_items(app: FastAPI) -> int:
    async with units_of_work(app).begin() as uow:
        return await uow.session.scalar(select(func.count(Item.id))) or 0


class TestIdempotencyKey:
    async def test_second_request_gets_the_first_response_byte_for_byte(
        self, app: FastAPI, as_user: As, user: User
    ) -> None:
        client, headers = await as_user(user), keyed()

        first = await client.post(ITEMS, json=item_body(), headers=headers)
        second = await client.post(ITEMS, json=item_body(), headers=headers)

        assert (first.status_code, second.status_code) == (201, 201)
        assert second.content == first.content
        assert second.headers["location"] == first.headers["location"]
        assert second.headers["etag"] == first.headers["etag"]
        assert second.headers["idempotency-replayed"] == "true"
        assert "idempotency-replayed" not in first.headers
        assert await count_items(app) == 1

    async def test_response_is_repeated_also_when_its_resource_is_deleted(
        self, as_user: As, user: User
    ) -> None:
        """The Idempotency-Key draft, section 2.6: a retry gets the result of the first request."""
        client, headers = await as_user(user), keyed()
        first = await client.post(ITEMS, json=item_body(), headers=headers)
        await client.delete(first.headers["location"])

        second = await client.post(ITEMS, json=item_body(), headers=headers)

        assert second.content == first.content
        assert second.headers["idempotency-replayed"] == "true"
        assert (await client.get(second.headers["location"])).status_code == 404

    async def test_other_body_is_rejected(self, as_user: As, user: User) -> None:
        client, headers = await as_user(user), keyed()
        await client.post(ITEMS, json=item_body(), headers=headers)

        response = await client.post(ITEMS, json=item_body(name="Other"), headers=headers)

        assert response.status_code == 422
        assert response.json()["code"] == "idempotency_key_reused"

    async def test_keys_of_two_callers_are_independent(
        self, as_user: As, user: User, other_user: User
    ) -> None:
        headers = keyed()
        mine = await (await as_user(user)).post(ITEMS, json=item_body(), headers=headers)

        theirs = await (await as_user(other_user)).post(ITEMS, json=item_body(), headers=headers)

        assert theirs.status_code == 201
        assert theirs.json()["id"] != mine.json()["id"]

    async def test_fifty_concurrent_requests_create_one_row(
        self, app: FastAPI, as_user: As, user: User
    ) -> None:
        client, headers = await as_user(user), keyed()

        responses = await asyncio.gather(
            *(client.post(ITEMS, json=item_body(), headers=headers) for _ in range(50))
        )

        statuses = Counter(response.status_code for response in responses)
        assert set(statuses) <= {201, 409}
        assert statuses[201] >= 1
        assert len({response.content for response in responses if response.status_code == 201}) == 1
        assert await count_items(app) == 1

    async def test_running_first_request_gets_retry_after(
        self, app: FastAPI, as_user: As, user: User
    ) -> None:
        client, headers = await as_user(user), keyed()

        responses = await asyncio.gather(
            *(client.post(ITEMS, json=item_body(), headers=headers) for _ in range(10))
        )

        rejected = [response for response in responses if response.status_code == 409]
        assert rejected
        assert {response.json()["code"] for response in rejected} == {"idempotency_key_in_progress"}
        assert {response.headers["retry-after"] for response in rejected} == {"1"}

    async def test_failed_request_releases_the_key(self, as_user: As, user: User) -> None:
        client, headers = await as_user(user), keyed()
        failed = await client.post(ITEMS, json=item_body(price=-1), headers=headers)

        response = await client.post(ITEMS, json=item_body(), headers=headers)

        assert failed.status_code == 422
        assert response.status_code == 201

    async def test_too_long_key_is_rejected(self, as_user: As, user: User) -> None:
        client = await as_user(user)

        response = await client.post(ITEMS, json=item_body(), headers=keyed("k" * 256))

        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == "/header/idempotency-key"


class TestReplay:
    """A replay passes what the request itself has to pass."""

    async def test_missing_scope_is_rejected(self, user: User, as_user: As) -> None:
        headers = keyed()
        await (await as_user(user)).post(ITEMS, json=item_body(), headers=headers)
        reader = await as_user(user, scopes=("items:read",))

        rejected = await reader.post(ITEMS, json=item_body(), headers=headers)

        assert (rejected.status_code, rejected.json()["code"]) == (403, "insufficient_scope")

    async def test_another_session_with_the_same_scopes_gets_the_first_response(
        self, user: User, as_user: As
    ) -> None:
        headers = keyed()
        first = await (await as_user(user)).post(ITEMS, json=item_body(), headers=headers)

        second = await (await as_user(user)).post(ITEMS, json=item_body(), headers=headers)

        assert second.headers["idempotency-replayed"] == "true"
        assert second.content == first.content

    async def test_each_request_counts_once_whether_it_is_replayed_or_not(
        self, app: FastAPI, user: User, as_user: As
    ) -> None:
        client, headers = await as_user(user), keyed()

        with replaced(app, RequestRateLimit, windows=LocalWindows(Policy(3, 3600))):
            responses = [
                await client.post(ITEMS, json=item_body(), headers=headers) for _ in range(4)
            ]

        assert [response.status_code for response in responses] == [201, 201, 201, 429]
        left = [response.headers.get_list("ratelimit") for response in responses]
        assert [[each.split(";")[1] for each in lines] for lines in left] == [
            ["r=2"],
            ["r=1"],
            ["r=0"],
            ["r=0"],
        ]

    async def test_anonymous_replays_count_against_the_address(
        self, app: FastAPI, client: AsyncClient
    ) -> None:
        body = {"email": "new@example.com", "username": "new", "password": PASSWORD}
        headers = keyed()

        with replaced(app, RequestRateLimit, windows=LocalWindows(Policy(2, 3600))):
            responses = [
                await client.post("/api/v1/auth/register", json=body, headers=headers)
                for _ in range(3)
            ]

        assert [response.status_code for response in responses] == [201, 201, 429]
        assert responses[1].headers["idempotency-replayed"] == "true"


class TestAnonymous:
    async def test_anonymous_request_is_rejected_without_a_database_query(
        self, app: FastAPI, running: Running
    ) -> None:
        """Every POST that needs a credential; the database behind this application is gone."""
        paths = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))["paths"]
        secured = [path for path, each in paths.items() if each.get("post", {}).get("security")]

        async with running(database_url=NOWHERE) as lost, new_client(lost) as client:
            responses = {
                path: (
                    await client.post(
                        re.sub(r"{.*?}", str(uuid.uuid4()), path), json={}, headers=keyed()
                    )
                ).status_code
                for path in secured
            }

        assert ITEMS in secured
        assert responses == dict.fromkeys(secured, 401)


class TestBound:
    async def test_new_key_beyond_the_bound_is_rejected_and_old_ones_are_replayed(
        self, running: Running, user: User
    ) -> None:
        old, other, new = keyed(), keyed(), keyed()
        async with running(idempotency_keys_per_caller=2) as app:
            token = await access_token(app, user)
            async with new_client(app, Authorization=f"Bearer {token}") as client:
                first = await client.post(ITEMS, json=item_body(), headers=old)
                await client.post(ITEMS, json=item_body(), headers=other)
                rejected = await client.post(ITEMS, json=item_body(), headers=new)
                replayed = await client.post(ITEMS, json=item_body(), headers=old)
                without = await client.post(ITEMS, json=item_body())
            count = await count_items(app)

        assert_problem(rejected, 429, "too_many_idempotency_keys")
        assert rejected.headers["retry-after"] == "3600"
        assert replayed.content == first.content
        assert (without.status_code, count) == (201, 3)
