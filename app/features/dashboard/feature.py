"""The dashboard: figures about the whole service, refreshed by a schedule."""

from app.feature import Feature
from app.features.dashboard import pages
from app.features.dashboard.jobs import refresh_dashboard
from app.features.dashboard.lifespan import lifespan
from app.features.dashboard.router import create_router
from app.jobs.schedules import Schedule

feature = Feature(
    name="dashboard",
    requires=("categories", "html_pages", "prometheus"),
    routers=(create_router,),
    root_routers=(pages.router,),
    tags={
        "dashboard": "Figures about the whole service.",
    },
    lifespan=lifespan,
    schedules=(Schedule("refresh_dashboard", "* * * * * */10", refresh_dashboard),),
)
