"""Mail: SMTP or a folder, templates and delivery by jobs."""

from app.feature import Feature

feature = Feature(
    name="mail",
)
