"""System: health, readiness, version, security contact and the OpenAPI document."""

from app.feature import Feature
from app.features.system.openapi_document import lifespan
from app.features.system.router import router

feature = Feature(
    name="system",
    root_routers=(router,),
    lifespan=lifespan,
    tags={
        "system": "The service itself: whether it is alive and ready, and which version runs.",
    },
)
