"""Redis: notifications and rate limits over several processes."""

from app.feature import Feature
from app.features.redis.lifespan import lifespan

feature = Feature(
    name="redis",
    lifespan=lifespan,
)
