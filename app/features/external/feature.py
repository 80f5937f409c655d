"""Client of an external API, with retries, circuit breaker and response cache."""

from app.feature import Feature
from app.features.external.lifespan import lifespan
from app.features.external.router import quotes_router, router

feature = Feature(
    name="external",
    requires=("items", "http_client"),
    routers=(router, quotes_router),
    tags={
        "external": "Data of external services, fetched within three seconds or rejected.",
    },
    lifespan=lifespan,
)
