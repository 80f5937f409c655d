"""Mail: SMTP or a folder, templates and delivery by jobs."""

from app.feature import Feature
from app.features.mail.lifespan import lifespan

feature = Feature(
    name="mail",
    lifespan=lifespan,
)
