"""Redis: notifications and rate limits over several processes."""

from app.feature import Feature

feature = Feature(
    name="redis",
)
