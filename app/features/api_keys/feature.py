"""API keys: credentials of programs."""

from app.feature import Feature
from app.features.api_keys.router import router

feature = Feature(
    name="api_keys",
    requires=("users",),
    routers=(router,),
)
