"""Idempotency-Key: the same request is carried out once."""

import asyncio
import uuid
from collections import Counter

from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import func, select

from app.models.idempotency_key import IdempotencyKey
from app.models.item import Item
from app.models.user import User
from tests.conftest import As, Running, access_token, new_client
from tests.factories import item_body
from tests.problems import assert_problem

ITEMS = "/api/v1/items"


def keyed(key: str | None = None) -> dict[str, str]:
    return {"Idempotency-Key": key or uuid.uuid4().hex}


async def count_items(app: FastAPI) -> int:
    async with app.state.sessionmaker() as session:
        return await session.scalar(select(func.count(Item.id))) or 0


class TestIdempotencyKey:
    async def test_second_request_gets_the_first_answer_byte_for_byte(
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

    async def test_other_body_is_refused(self, as_user: As, user: User) -> None:
        client, headers = await as_user(user), keyed()
        await client.post(ITEMS, json=item_body(), headers=headers)

        response = await client.post(ITEMS, json=item_body(name="Other"), headers=headers)

        assert response.status_code == 422
        assert response.json()["code"] == "idempotency_key_reused"

    async def test_keys_of_two_callers_have_nothing_in_common(
        self, as_user: As, user: User, other_user: User
    ) -> None:
        headers = keyed()
        mine = await (await as_user(user)).post(ITEMS, json=item_body(), headers=headers)

        theirs = await (await as_user(other_user)).post(ITEMS, json=item_body(), headers=headers)

        assert theirs.status_code == 201
        assert theirs.json()["id"] != mine.json()["id"]

    async def test_fifty_at_once_make_one_row(self, app: FastAPI, as_user: As, user: User) -> None:
        client, headers = await as_user(user), keyed()

        answers = await asyncio.gather(
            *(client.post(ITEMS, json=item_body(), headers=headers) for _ in range(50))
        )

        statuses = Counter(answer.status_code for answer in answers)
        assert set(statuses) <= {201, 409}
        assert statuses[201] >= 1
        assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
        assert await count_items(app) == 1

    async def test_first_still_running_is_said_with_retry_after(
        self, app: FastAPI, as_user: As, user: User
    ) -> None:
        client, headers = await as_user(user), keyed()

        answers = await asyncio.gather(
            *(client.post(ITEMS, json=item_body(), headers=headers) for _ in range(10))
        )

        refused = [answer for answer in answers if answer.status_code == 409]
        assert refused
        assert {answer.json()["code"] for answer in refused} == {"idempotency_key_in_progress"}
        assert {answer.headers["retry-after"] for answer in refused} == {"1"}

    async def test_failed_request_leaves_the_key_free(self, as_user: As, user: User) -> None:
        client, headers = await as_user(user), keyed()
        failed = await client.post(ITEMS, json=item_body(price=-1), headers=headers)

        response = await client.post(ITEMS, json=item_body(), headers=headers)

        assert failed.status_code == 422
        assert response.status_code == 201

    async def test_key_that_is_too_long_is_refused(self, as_user: As, user: User) -> None:
        client = await as_user(user)

        response = await client.post(ITEMS, json=item_body(), headers=keyed("k" * 256))

        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == "/header/idempotency-key"

    async def test_secret_in_an_answer_is_not_readable_in_the_database(
        self, app: FastAPI, as_user: As, user: User, client: AsyncClient
    ) -> None:
        body = {"name": "key", "scopes": ["items:read"]}

        made = await (await as_user(user)).post("/api/v1/auth/api-keys", json=body, headers=keyed())

        async with app.state.sessionmaker() as session:
            stored = (await session.scalars(select(IdempotencyKey))).one()
        assert made.json()["key"].encode() not in stored.body
        assert made.json()["key"].encode() in app.state.sealer.unseal(stored.body)


class TestBound:
    async def test_new_key_beyond_the_bound_is_refused_and_old_ones_are_replayed(
        self, running: Running, user: User
    ) -> None:
        old, other, new = keyed(), keyed(), keyed()
        async with running(idempotency_keys_per_caller=2) as app:
            token = await access_token(app, user)
            async with new_client(app, Authorization=f"Bearer {token}") as client:
                first = await client.post(ITEMS, json=item_body(), headers=old)
                await client.post(ITEMS, json=item_body(), headers=other)
                refused = await client.post(ITEMS, json=item_body(), headers=new)
                replayed = await client.post(ITEMS, json=item_body(), headers=old)
                without = await client.post(ITEMS, json=item_body())
            count = await count_items(app)

        assert_problem(refused, 429, "too_many_idempotency_keys")
        assert refused.headers["retry-after"] == "3600"
        assert replayed.content == first.content
        assert (without.status_code, count) == (201, 3)
