"""The dashboard: figures to look at."""

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool

from app.db.dependencies import OpenTransaction, Reads, Transactions
from app.db.executor import Row
from app.features.dashboard import crud as dashboards
from app.features.dashboard.dependencies import DashboardReader
from app.features.dashboard.schemas import DashboardRead
from app.http.unit_of_work import UnitOfWorkRoute
from app.observability.prometheus import answers_by_status

router = APIRouter(prefix="/dashboard", tags=["dashboard"], route_class=UnitOfWorkRoute)


@router.get("", response_model_exclude_none=True)
async def read_dashboard(
    reads: Reads, principal: DashboardReader, transactions: Transactions
) -> DashboardRead:
    """Administrators see figures of the whole service, users those of what is theirs."""
    if not principal.is_admin:
        return DashboardRead.model_validate(await dashboards.count_own(reads, principal.id))
    figures = await dashboards.find_counted(reads) or await count_first(transactions)
    # In a thread: with several workers it reads the files of all of them.
    requests = await run_in_threadpool(answers_by_status)
    return DashboardRead.model_validate({**figures, "requests": requests})


async def count_first(transactions: OpenTransaction) -> Row:
    """Before a worker has counted for the first time."""
    async with transactions() as session:
        return await dashboards.count_all(session)
