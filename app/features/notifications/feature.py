"""Notifications: messages to users, stored and mailed."""

from app.feature import Feature
from app.features.notifications.receivers import notify_admins
from app.features.notifications.router import router
from app.features.users.signals import UserRegistered

feature = Feature(
    name="notifications",
    requires=("auth", "users", "tasks", "mail", "background_jobs"),
    routers=(router,),
    tags={
        "notifications": "Messages of the service and of administrators to users.",
    },
    receivers={UserRegistered: notify_admins},
)
