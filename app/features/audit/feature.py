"""Audit log, written by triggers."""

from app.feature import Feature
from app.features.audit.router import router

feature = Feature(
    name="audit",
    routers=(router,),
    tags={
        "audit": "Who did what to which row.",
    },
)
