"""Mail: delivery by SMTP or to a folder, templates, and jobs that send."""

from app.feature import Feature
from app.features.mail.lifespan import lifespan

feature = Feature(
    name="mail",
    requires=("background_jobs",),
    lifespan=lifespan,
)
