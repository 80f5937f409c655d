"""Rate limits of one process."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app.config.rate_limit_policy import Policy
from app.features.users.models.user import User
from app.security.rate_limit import LocalWindows
from app.security.resources import RequestRateLimit
from tests.conftest import As, Running, access_token, new_client
from tests.factories import item_body
from tests.state import replaced, resources_of

ME = "/api/v1/users/me"
LIMIT = Policy(100, 60)


@pytest.fixture
def limited_app(app: FastAPI) -> Iterator[FastAPI]:
    with replaced(app, RequestRateLimit, windows=LocalWindows(LIMIT)):
        yield app


class TestRateLimit:
    async def test_exactly_the_quota_passes(
        self, app: FastAPI, running: Running, user: User
    ) -> None:
        token = await access_token(app, user)
        async with (
            running(rate_limit_default="100/hour") as limited,
            new_client(limited, Authorization=f"Bearer {token}") as client,
        ):
            responses = await asyncio.gather(*(client.get(ME) for _ in range(1000)))

        assert Counter(response.status_code for response in responses) == {200: 100, 429: 900}

    async def test_responses_have_the_remaining_quota(
        self, limited_app: FastAPI, as_user: As, user: User
    ) -> None:
        client = await as_user(user)

        first, second = await client.get(ME), await client.head(ME)

        assert first.headers["ratelimit-policy"] == '"default";q=100;w=60'
        assert first.headers["ratelimit"].startswith('"default";r=99;t=')
        assert second.headers["ratelimit"].startswith('"default";r=98;t=')

    async def test_rejection_has_retry_after(
        self, limited_app: FastAPI, as_user: As, user: User
    ) -> None:
        resources_of(limited_app).add(RequestRateLimit(LocalWindows(Policy(1, 60))))
        client = await as_user(user)
        await client.get(ME)

        rejected = await client.get(ME)

        assert rejected.status_code == 429
        assert rejected.json()["code"] == "rate_limited"
        assert 1 <= int(rejected.headers["retry-after"]) <= 60
        assert rejected.headers["ratelimit"].startswith('"default";r=0;t=')

    async def test_principals_do_not_share_a_quota(
        self, limited_app: FastAPI, as_user: As, user: User, other_user: User
    ) -> None:
        resources_of(limited_app).add(RequestRateLimit(LocalWindows(Policy(1, 60))))
        await (await as_user(user)).get(ME)

        response = await (await as_user(other_user)).get(ME)

        assert response.status_code == 200

    async def test_without_a_credential_the_address_counts(
        self, limited_app: FastAPI, client: AsyncClient
    ) -> None:
        resources_of(limited_app).add(RequestRateLimit(LocalWindows(Policy(1, 60))))

        statuses = [(await client.get(ME)).status_code for _ in range(2)]

        assert statuses == [401, 429]


class TestWeights:
    async def test_batch_counts_by_its_items(
        self, limited_app: FastAPI, as_user: As, user: User
    ) -> None:
        client, items = await as_user(user), [item_body() for _ in range(250)]

        batch = await client.post("/api/v1/items/batch", json={"items": items})

        assert batch.headers.get_list("ratelimit")[0].startswith('"default";r=97;')
        assert len(batch.headers.get_list("ratelimit-policy")) == 1
