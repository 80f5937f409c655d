"""The dashboard: figures about the whole service, refreshed by a schedule."""

from app.feature import Feature
from app.features.dashboard import pages
from app.features.dashboard.lifespan import lifespan
from app.features.dashboard.router import create_router

feature = Feature(
    name="dashboard",
    requires=("categories", "html_pages", "prometheus", "background_jobs"),
    routers=(create_router,),
    root_routers=(pages.router,),
    tags={
        "dashboard": "Figures about the whole service.",
    },
    lifespan=lifespan,
)
