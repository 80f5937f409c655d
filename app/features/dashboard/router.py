"""Endpoint of the dashboard."""

from collections import Counter

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool

from app.db.dependencies import OpenTransaction, Reads, Transactions
from app.db.executor import Row
from app.feature import Features
from app.features.dashboard import crud as dashboards
from app.features.dashboard.crud import CountingStatements
from app.features.dashboard.dependencies import CountingStatementsDep, DashboardReader
from app.features.dashboard.figures import DashboardFigures
from app.features.dashboard.schemas import dashboard_schema
from app.features.prometheus.registry import registry
from app.http.unit_of_work import UnitOfWorkRoute


def create_router(features: Features) -> APIRouter:
    """Create the router; the fields of its response depend on the enabled features."""
    router = APIRouter(prefix="/dashboard", tags=["dashboard"], route_class=UnitOfWorkRoute)
    schema = dashboard_schema(features.extensions("dashboard", DashboardFigures))
    router.get("", response_model=schema, response_model_exclude_none=True)(read_dashboard)
    return router


async def read_dashboard(
    reads: Reads,
    principal: DashboardReader,
    transactions: Transactions,
    statements: CountingStatementsDep,
) -> Row:
    """Read the figures of the dashboard; administrators see those of the whole service."""
    if not principal.is_admin:
        return await dashboards.count_own(reads, statements, principal.id)
    counted = await dashboards.find_counted(reads, statements)
    figures = counted or await count_first(transactions, statements)
    # In a thread, because it reads the metrics files of all workers.
    requests = await run_in_threadpool(responses_by_status)
    return {**figures, "requests": requests}


async def count_first(transactions: OpenTransaction, statements: CountingStatements) -> Row:
    """Count within the request, before a worker has counted for the first time."""
    async with transactions() as uow:
        return await dashboards.count_all(uow, statements)


def responses_by_status() -> list[dict[str, int]]:
    """Return the number of responses of each status, the lowest first."""
    found: Counter[int] = Counter()
    for metric in registry().collect():
        if metric.name == "http_request_duration_seconds":
            for sample in metric.samples:
                if sample.name.endswith("_count"):
                    found[int(sample.labels["status"])] += int(sample.value)
    return [{"status": status, "count": count} for status, count in sorted(found.items())]
