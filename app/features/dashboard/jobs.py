"""Schedule: refresh the figures of the dashboard."""

from app.db.resources import DatabaseResources
from app.features.dashboard import crud
from app.resources import Resources


async def refresh_dashboard(resources: Resources) -> None:
    async with resources[DatabaseResources].units_of_work.begin() as uow:
        await crud.refresh(uow, resources[crud.CountingStatements])
