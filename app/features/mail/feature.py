"""Mail: delivery by SMTP or to a folder, templates, and jobs that send."""

from app.feature import Feature
from app.features.mail.lifespan import lifespan
from app.features.mail.send_notification import SendNotification

feature = Feature(
    name="mail",
    jobs=(SendNotification,),
    lifespan=lifespan,
)
