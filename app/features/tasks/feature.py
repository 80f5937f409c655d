"""Tasks: the status of background work, for its owner and the operator."""

from app.feature import Feature
from app.features.tasks.receivers import cancel_tasks
from app.features.tasks.router import router
from app.features.users.signals import MachineAccessRevoked

feature = Feature(
    name="tasks",
    requires=("background_jobs", "users"),
    routers=(router,),
    tags={
        "tasks": "Work that continues after the response.",
    },
    receivers={MachineAccessRevoked: cancel_tasks},
)
