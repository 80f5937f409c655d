"""Audit log, written by triggers."""

from app.feature import Feature
from app.features.audit.router import router

feature = Feature(
    name="audit",
    routers=(router,),
    tags={
        "audit": "The audit log: actor, action and row of each change.",
    },
)
