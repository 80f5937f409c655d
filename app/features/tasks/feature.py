"""Tasks: the status of background work, for its owner and the operator."""

from app.feature import Feature
from app.features.tasks.router import router

feature = Feature(
    name="tasks",
    requires=("background_jobs",),
    routers=(router,),
    tags={
        "tasks": "Work that continues after the response.",
    },
)
