"""Mail: SMTP or a folder, templates and delivery by jobs."""

from app.feature import Feature
from app.features.mail.lifespan import lifespan
from app.features.mail.send_notification import SendNotification

feature = Feature(
    name="mail",
    jobs=(SendNotification,),
    lifespan=lifespan,
)
