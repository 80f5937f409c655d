"""Notifications: messages to users, stored and mailed."""

from app.feature import Feature
from app.features.notifications.jobs.notify_admins import NotifyAdmins
from app.features.notifications.jobs.send_notification import SendNotification
from app.features.notifications.router import router

feature = Feature(
    name="notifications",
    requires=("users", "tasks", "mail"),
    routers=(router,),
    tags={
        "notifications": "Messages of the service and of administrators to users.",
    },
    jobs=(NotifyAdmins, SendNotification),
)
