"""Database dump and restore."""

from app.feature import Feature

feature = Feature(
    name="backup",
    requires=("background_jobs",),
)
