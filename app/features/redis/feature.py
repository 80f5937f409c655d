"""Redis: notifications and rate limits shared by several processes."""

from app.feature import Feature
from app.features.redis.lifespan import lifespan

feature = Feature(
    name="redis",
    lifespan=lifespan,
)
