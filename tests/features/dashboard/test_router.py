"""The dashboard: figures of the rows that the caller may see."""

from decimal import Decimal
from typing import Any

from fastapi import FastAPI
from httpx2 import AsyncClient

from app.feature import Features, load_features
from app.features.background_jobs.models import TaskStatus
from app.features.dashboard import crud as dashboards
from app.features.dashboard.crud import CountingStatements
from app.features.dashboard.figures import DashboardFigures
from app.features.dashboard.models import THE_ONE, Dashboard
from app.features.dashboard.schemas import dashboard_schema
from app.features.users.models.user import User
from app.runtime.clock import now
from tests.conftest import As, Database, Save
from tests.factories import make_item, make_task
from tests.problems import assert_problem
from tests.state import resources_of, units_of_work

DASHBOARD = "/api/v1/dashboard"


async def figures(client: AsyncClient) -> dict[str, Any]:
    response = await client.get(DASHBOARD)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def statements_of(app: FastAPI) -> CountingStatements:
    return resources_of(app)[CountingStatements]


async def fill(save: Save, owner: User) -> None:
    items: tuple[tuple[str, list[str]], ...] = (
        ("0.01", ["wood"]),
        ("10.00", ["wood", "oak"]),
        ("10.01", []),
        ("9999", []),
    )
    for price, tags in items:
        await save(make_item(owner, price=Decimal(price), tags=tags))
    await save(make_item(owner, deleted_at=now()))
    await save(make_task(owner, status=TaskStatus.FAILED))


class TestReadDashboard:
    async def test_without_a_token_is_rejected(self, client: AsyncClient) -> None:
        assert_problem(await client.get(DASHBOARD), 401, "unauthenticated")

    async def test_guest_is_rejected(self, as_user: As, guest: User) -> None:
        assert_problem(await (await as_user(guest)).get(DASHBOARD), 403, "not_permitted")

    async def test_user_sees_own_figures(
        self, as_user: As, save: Save, user: User, other_user: User
    ) -> None:
        await fill(save, user)
        await save(make_item(other_user, tags=["brass"]))

        seen = await figures(await as_user(user))

        assert seen["totals"]["items"] == 4
        assert "users" not in seen["totals"]
        assert seen["tags"] == [{"tag": "wood", "count": 2}, {"tag": "oak", "count": 1}]
        assert seen["tasks"] == [{"status": "failed", "count": 1}]
        assert seen["items_by_day"] == [{"day": now().date().isoformat(), "count": 4}]
        assert "requests" not in seen

    async def test_price_on_a_bound_belongs_to_the_lower_range(
        self, as_user: As, save: Save, user: User
    ) -> None:
        await fill(save, user)

        seen = await figures(await as_user(user))

        counts = {bucket["up_to"]: bucket["count"] for bucket in seen["prices"]}
        assert sum(counts.values()) == 4
        assert (counts["10.00"], counts["25.00"], counts["10000.00"]) == (2, 1, 1)

    async def test_administrator_sees_the_whole_service(
        self, as_user: As, save: Save, user: User, admin: User
    ) -> None:
        await fill(save, user)
        signed_in = await as_user(admin)
        await figures(signed_in)  # The first response that is counted, if this test runs alone.

        seen = await figures(signed_in)

        assert (seen["totals"]["items"], seen["totals"]["users"]) == (4, 2)
        assert {"status": 200, "count": 1}.keys() == seen["requests"][0].keys()

    async def test_figures_of_the_service_are_the_last_snapshot(
        self, app: FastAPI, as_user: As, save: Save, user: User, admin: User
    ) -> None:
        signed_in = await as_user(admin)
        first = await figures(signed_in)
        await fill(save, user)

        assert (await figures(signed_in))["totals"] == first["totals"]
        async with units_of_work(app).begin() as uow:
            await dashboards.count_all(uow, statements_of(app))
        assert (await figures(signed_in))["totals"]["items"] == 4

    async def test_figures_of_a_new_feature_are_counted_at_once(
        self, app: FastAPI, as_user: As, admin: User, database: Database
    ) -> None:
        signed_in = await as_user(admin)
        await figures(signed_in)
        await database("UPDATE dashboards SET figures = (figures #- '{totals,users}') - 'tags'")

        seen = await figures(signed_in)

        assert (seen["totals"]["users"], seen["tags"]) == (1, [])


class TestRefresh:
    async def test_counting_takes_a_small_share_of_the_time(
        self, app: FastAPI, as_user: As, admin: User, save: Save
    ) -> None:
        async with units_of_work(app).begin() as uow:
            await dashboards.count_all(uow, statements_of(app))
            row = await uow.session.get_one(Dashboard, THE_ONE)
            row.seconds = 3600.0
        await save(make_item(admin))

        async with units_of_work(app).begin() as uow:
            await dashboards.refresh(uow, statements_of(app))

        assert (await figures(await as_user(admin)))["totals"]["items"] == 0


class TestSchema:
    def test_has_no_figures_of_absent_features(self) -> None:
        enabled = load_features().by_name
        features = Features([enabled["users"]])
        schema = dashboard_schema(features.extensions("dashboard", DashboardFigures))

        assert [*schema.model_fields] == ["counted_at", "totals", "tasks", "requests"]
        totals = schema.model_fields["totals"].annotation
        assert totals is not None
        assert [*totals.model_fields] == ["users"]
