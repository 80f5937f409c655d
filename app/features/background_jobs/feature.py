"""Background jobs: rows in `tasks` that workers run at least once, and schedules. ADR 0017."""

from app.feature import Feature
from app.features.background_jobs import crud
from app.features.background_jobs.lifespan import lifespan

feature = Feature(
    name="background_jobs",
    lifespan=lifespan,
    cleanup=(crud.delete_old,),
)
