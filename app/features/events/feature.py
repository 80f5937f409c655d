"""Events: changes as a stream, in order and without gaps."""

from app.feature import Feature
from app.features.events.crud import events
from app.features.events.lifespan import lifespan
from app.features.events.router import create_router

feature = Feature(
    name="events",
    requires=("audit", "streams"),
    routers=(create_router,),
    tags={
        "events": "Events as a stream.",
    },
    cleanup=(events.delete_old,),
    lifespan=lifespan,
)
