"""Path operations of the external API, and quotes of items."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from pydantic import SecretStr

from app.config.settings import Settings
from app.devtools.demo_upstream import DemoApi, serving
from app.features.external.cache import Cache
from app.features.external.circuit_breaker import CircuitBreakers
from app.features.external.client import ExternalApi
from app.features.external.lifespan import ExternalResources
from app.features.external.schemas import SOURCES, SUPPLIERS
from app.features.external.store import NoStore
from app.features.external.upstream import Upstream
from app.features.users.models.user import User
from app.observability.logging import configure_logging
from tests.conftest import As, Running, Save
from tests.factories import make_item
from tests.polling import PATIENCE_SECONDS
from tests.problems import assert_problem
from tests.state import replaced, resources_of

EXTERNAL = "/api/v1/external"
AGGREGATE = "/api/v1/aggregate"


@pytest.fixture
async def demo(app: FastAPI) -> AsyncIterator[DemoApi]:
    """The external service of one test, with an empty cache and closed breakers."""
    async with AsyncExitStack() as stack:
        demo = DemoApi()
        upstream = Upstream(
            await stack.enter_async_context(serving(demo)), key="", breakers=CircuitBreakers()
        )
        stack.push_async_callback(upstream.close)
        cache = Cache(NoStore())
        stack.push_async_callback(cache.close)
        with replaced(app, ExternalResources, api=ExternalApi(upstream, cache)):
            yield demo


class TestReadExternalResource:
    async def test_without_credentials_is_rejected(self, client: AsyncClient) -> None:
        assert_problem(await client.get(f"{EXTERNAL}/news"), 401, "unauthenticated")

    async def test_resource_is_returned(self, as_user: As, user: User, demo: DemoApi) -> None:
        response = await (await as_user(user)).get(f"{EXTERNAL}/news")

        assert response.status_code == 200
        assert response.json() == {
            "id": "news",
            "name": "News",
            "description": "What the demo service says about news.",
            "updated_at": "2026-01-05T08:00:00Z",
        }

    async def test_resource_is_requested_once(self, as_user: As, user: User, demo: DemoApi) -> None:
        client = await as_user(user)

        await asyncio.gather(*(client.get(f"{EXTERNAL}/news") for _ in range(20)))

        assert demo.requests == {"/resources/news": 1}

    async def test_request_id_is_forwarded(self, as_user: As, user: User, demo: DemoApi) -> None:
        client = await as_user(user)

        await client.get(f"{EXTERNAL}/news", headers={"X-Request-ID": "the-same"})

        assert demo.headers["x-request-id"] == "the-same"

    @pytest.mark.parametrize(
        ("name", "status", "code"),
        [
            ("missing", 404, "not_found"),
            ("failing", 502, "upstream_failed"),
            ("nonsense", 502, "upstream_failed"),
            ("huge", 502, "upstream_failed"),
            ("bomb", 502, "upstream_failed"),
            ("moved", 502, "upstream_failed"),
            ("busy", 503, "upstream_unavailable"),
            ("hanging", 504, "upstream_timeout"),
            ("dripping", 504, "upstream_timeout"),
        ],
    )
    async def test_failure_is_a_problem_within_the_deadline(
        self, as_user: As, user: User, demo: DemoApi, name: str, status: int, code: str
    ) -> None:
        client = await as_user(user)

        async with asyncio.timeout(PATIENCE_SECONDS):
            response = await client.get(f"{EXTERNAL}/{name}")

        assert_problem(response, status, code)

    async def test_rate_limited_upstream_sets_retry_after(
        self, as_user: As, user: User, demo: DemoApi
    ) -> None:
        response = await (await as_user(user)).get(f"{EXTERNAL}/busy")

        assert response.headers["retry-after"] == "7"

    async def test_failing_upstream_opens_the_breaker(
        self, as_user: As, user: User, demo: DemoApi
    ) -> None:
        client = await as_user(user)
        for _ in range(2):
            await client.get(f"{EXTERNAL}/failing")

        response = await client.get(f"{EXTERNAL}/news")

        assert_problem(response, 503, "upstream_unavailable")
        assert int(response.headers["retry-after"]) >= 1
        assert demo.requests["/resources/news"] == 0

    @pytest.mark.parametrize("name", ["..", "a%2Fb", "News", "a.b", "a" * 65, "-a", "%00"])
    async def test_id_with_path_characters_is_rejected(
        self, as_user: As, user: User, demo: DemoApi, name: str
    ) -> None:
        response = await (await as_user(user)).get(f"{EXTERNAL}/{name}")

        assert response.status_code in {404, 422}
        assert not demo.requests


class TestReadAggregate:
    async def test_without_credentials_is_rejected(self, client: AsyncClient) -> None:
        assert_problem(await client.get(AGGREGATE), 401, "unauthenticated")

    async def test_all_three_are_returned(self, as_user: As, user: User, demo: DemoApi) -> None:
        response = (await (await as_user(user)).get(AGGREGATE)).json()

        assert [result["id"] for result in response["results"]] == list(SOURCES)
        assert response["errors"] == []

    async def test_failed_resources_are_named(self, as_user: As, user: User, demo: DemoApi) -> None:
        demo.behaviours |= {"/resources/news": "nonsense", "/resources/rates": "missing"}

        response = await (await as_user(user)).get(AGGREGATE)

        assert response.status_code == 200
        answer = response.json()
        assert [result["id"] for result in answer["results"]] == ["weather"]
        assert [(error["source"], error["code"]) for error in answer["errors"]] == [
            ("news", "upstream_failed"),
            ("rates", "not_found"),
        ]


class TestListQuotes:
    async def test_without_credentials_is_rejected(self, client: AsyncClient) -> None:
        response = await client.get(f"/api/v1/items/{uuid.uuid4()}/quotes")

        assert_problem(response, 401, "unauthenticated")

    async def test_unknown_item_is_not_found(self, as_user: As, user: User, demo: DemoApi) -> None:
        response = await (await as_user(user)).get(f"/api/v1/items/{uuid.uuid4()}/quotes")

        assert_problem(response, 404, "not_found")
        assert not demo.requests

    async def test_suppliers_are_requested_concurrently(
        self, as_user: As, save: Save, user: User, demo: DemoApi
    ) -> None:
        item = await save(make_item(user))
        demo.behaviours |= {path(supplier, item.id): "slow" for supplier in SUPPLIERS}

        await (await as_user(user)).get(f"/api/v1/items/{item.id}/quotes")

        assert demo.max_in_progress == len(SUPPLIERS)

    async def test_cheapest_comes_first(
        self, as_user: As, save: Save, user: User, demo: DemoApi
    ) -> None:
        item = await save(make_item(user))

        response = (await (await as_user(user)).get(f"/api/v1/items/{item.id}/quotes")).json()

        prices = [float(quote["price"]) for quote in response["quotes"]]
        assert {quote["supplier"] for quote in response["quotes"]} == set(SUPPLIERS)
        assert prices == sorted(prices)
        assert (response["item_id"], response["errors"]) == (str(item.id), [])

    async def test_failed_suppliers_are_named(
        self, as_user: As, save: Save, user: User, demo: DemoApi
    ) -> None:
        item = await save(make_item(user))
        demo.behaviours |= {path("acme", item.id): "hanging", path("globex", item.id): "huge"}
        client = await as_user(user)

        async with asyncio.timeout(PATIENCE_SECONDS):
            response = await client.get(f"/api/v1/items/{item.id}/quotes")

        answer = response.json()
        assert response.status_code == 200
        assert [quote["supplier"] for quote in answer["quotes"]] == ["initech"]
        assert [(error["source"], error["code"]) for error in answer["errors"]] == [
            ("acme", "upstream_timeout"),
            ("globex", "upstream_failed"),
        ]


def path(supplier: str, item_id: uuid.UUID) -> str:
    return f"/suppliers/{supplier}/quotes/{item_id}"


def api_of(app: FastAPI) -> ExternalApi:
    api = resources_of(app)[ExternalResources].api
    assert api is not None
    return api


class TestConfiguration:
    async def test_development_starts_a_demo_upstream(self, app: FastAPI) -> None:
        resource = await api_of(app).resource("news")

        assert resource.id == "news"

    async def test_configured_upstream_gets_its_key(self, running: Running) -> None:
        demo = DemoApi()
        key = SecretStr("a-key")
        async with (
            serving(demo) as url,
            running(external_api_url=url, external_api_key=key) as app,
        ):
            await api_of(app).resource("news")

        assert demo.requests == {"/resources/news": 1}
        assert demo.headers["authorization"] == "Bearer a-key"

    async def test_production_without_an_upstream_logs_a_warning(
        self,
        running: Running,
        app: FastAPI,
        as_user: As,
        user: User,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        async with running(environment="production", log_level="warning") as production:
            external_api = resources_of(production)[ExternalResources].api
        said = capsys.readouterr().out
        with capsys.disabled():  # Later log lines need an open output.
            configure_logging(resources_of(app)[Settings])
        client = await as_user(user)

        with replaced(app, ExternalResources, api=external_api):
            for path in (f"{EXTERNAL}/news", AGGREGATE):
                assert_problem(await client.get(path), 503, "external_api_not_configured")
        assert said.count("EXTERNAL_API_URL is empty") == 1
