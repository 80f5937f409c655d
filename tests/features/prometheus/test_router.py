"""Metrics at the Prometheus endpoint: requests by the template of their route."""

from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from app.features.users.models.user import User
from tests.conftest import As, Running, Save, new_client
from tests.factories import make_item
from tests.polling import eventually
from tests.problems import assert_problem

ITEMS = "/api/v1/items"
Labels = dict[str, str]


class Figures:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self.samples = [each for family in self.families.values() for each in family.samples]

    def value(self, name: str, **labels: str) -> float:
        return sum(
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def values(self, label: str) -> set[str]:
        return {sample.labels[label] for sample in self.samples if label in sample.labels}


async def scrape(client: AsyncClient) -> Figures:
    response = await client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    return Figures(response.text)


def requests(figures: Figures, **labels: str) -> float:
    return figures.value("http_request_duration_seconds_count", **labels)


class TestRequests:
    async def test_are_counted_by_template_and_status(
        self, client: AsyncClient, as_user: As, user: User, save: Save
    ) -> None:
        item = await save(make_item(user))
        reader = await as_user(user)
        route = f"{ITEMS}/{{item_id}}"
        before = await scrape(client)

        for path in (f"{ITEMS}/{item.id}", f"{ITEMS}/{item.id}", f"{ITEMS}/{user.id}"):
            await reader.get(path)

        after = await scrape(client)
        for status, grown in (("200", 2), ("404", 1)):
            labels = {"method": "GET", "route": route, "status": status}
            assert requests(after, **labels) - requests(before, **labels) == grown

    @pytest.mark.parametrize("path", ["/nothing/1", f"{ITEMS}/x/y/z", "/%00", "/static/a/b"])
    async def test_unknown_paths_share_a_name(self, client: AsyncClient, path: str) -> None:
        before = requests(await scrape(client), route="(none)", status="404")

        await client.get(path)

        assert requests(await scrape(client), route="(none)", status="404") == before + 1

    async def test_unknown_methods_share_a_name(self, client: AsyncClient) -> None:
        await client.request("BREW", ITEMS)

        methods = (await scrape(client)).values("method")
        assert "BREW" not in methods
        assert "other" in methods

    async def test_head_has_the_route_of_get(self, client: AsyncClient) -> None:
        labels = {"method": "HEAD", "route": "/liveness", "status": "200"}
        before = requests(await scrape(client), **labels)

        await client.head("/liveness")

        assert requests(await scrape(client), **labels) == before + 1

    async def test_problems_are_counted_by_code(self, client: AsyncClient) -> None:
        before = (await scrape(client)).value("http_problems_total", code="unauthenticated")

        await client.get(ITEMS)

        after = (await scrape(client)).value("http_problems_total", code="unauthenticated")
        assert after == before + 1


class TestBusiness:
    async def test_committed_business_events_are_counted(
        self, client: AsyncClient, as_user: As, user: User
    ) -> None:
        writer = await as_user(user)
        item = {"name": "Lamp", "price": "10.00", "tax": "1.00"}
        before = (await scrape(client)).value("items_created_total")

        await writer.post(f"{ITEMS}/batch", json={"items": [item, item]})
        await writer.post(ITEMS, json=item)

        assert (await scrape(client)).value("items_created_total") == before + 3

    async def test_rolled_back_business_events_are_not_counted(
        self, client: AsyncClient, as_user: As, user: User
    ) -> None:
        writer = await as_user(user)
        stray = {"name": "Lamp", "price": "10.00", "tax": "1.00", "category_id": str(user.id)}
        before = (await scrape(client)).value("items_created_total")

        await writer.post(ITEMS, json=stray)

        assert (await scrape(client)).value("items_created_total") == before


class TestDatabase:
    async def test_statements_are_counted_by_operation(
        self, client: AsyncClient, as_user: As, user: User
    ) -> None:
        writer = await as_user(user)
        before = await scrape(client)

        await writer.post(ITEMS, json={"name": "Lamp", "price": "10.00", "tax": "1.00"})

        after, name = await scrape(client), "database_statement_duration_seconds_count"
        for operation in ("SELECT", "INSERT"):
            grown = after.value(name, operation=operation) - before.value(name, operation=operation)
            assert grown >= 1


async def test_series_have_no_times_of_creation(client: AsyncClient) -> None:
    await client.get("/version")

    names = {sample.name for sample in (await scrape(client)).samples}

    assert "http_request_duration_seconds_count" in names
    assert {name for name in names if name.endswith("_created")} == set()


class TestLevels:
    async def test_gauges_are_sampled_about_once_a_second(self, running: Running) -> None:
        async with running(database_pool_size=7) as app, new_client(app) as client:
            # Another application of this process may have sampled last.
            await eventually(lambda: has_pool_size(client, 7))
            figures = await scrape(client)

        assert figures.value("worker_memory_bytes") > 1_000_000
        assert figures.value("worker_open_files") > 3
        assert figures.value("workers") == 1


async def has_pool_size(client: AsyncClient, size: int) -> bool:
    return (await scrape(client)).value("database_pool_size", pool="requests") == size


class TestAccess:
    async def test_can_be_closed(self, running: Running) -> None:
        async with running(metrics_enabled=False) as app, new_client(app) as client:
            response = await client.get("/metrics")

        assert_problem(response, 404, "not_found")

    @pytest.mark.parametrize(
        "given", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": b"\xe9"}]
    )
    async def test_can_need_a_token(self, running: Running, given: dict[str, Any]) -> None:
        async with running(metrics_token=SecretStr("right")) as app, new_client(app) as client:
            rejected = await client.get("/metrics", headers=given)
            allowed = await client.get("/metrics", headers={"Authorization": "bearer  right "})

        assert_problem(rejected, 401, "unauthenticated")
        assert allowed.status_code == 200

    async def test_is_not_part_of_the_api(self, app: FastAPI) -> None:
        assert "/metrics" not in app.openapi()["paths"]
