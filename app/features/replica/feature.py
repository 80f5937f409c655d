"""Read routing to a streaming replica."""

from app.feature import Feature
from app.features.replica.lifespan import lifespan

feature = Feature(
    name="replica",
    lifespan=lifespan,
)
