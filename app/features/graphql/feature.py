"""GraphQL over the same crud functions as REST."""

from app.feature import Feature
from app.features.graphql import pages
from app.features.graphql.lifespan import lifespan
from app.features.graphql.router import router
from app.features.graphql.websocket import router as websocket_router

feature = Feature(
    name="graphql",
    requires=("streams", "html_pages"),
    # The page first: its route passes requests on that do not ask for HTML.
    root_routers=(pages.router, router, websocket_router),
    tags={
        "graphql": "Several reads or one write in one request.",
    },
    lifespan=lifespan,
)
