"""Schedule: refresh the figures of the dashboard."""

from app.db.resources import DatabaseResources
from app.db.session import transaction
from app.features.dashboard import crud
from app.resources import Resources


async def refresh_dashboard(resources: Resources) -> None:
    async with transaction(resources[DatabaseResources].sessions) as session:
        await crud.refresh(session, resources[crud.CountingStatements])
