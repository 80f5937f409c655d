"""CORS: pages of ALLOWED_ORIGINS may call the service from browsers."""

from app.feature import Feature
from app.features.cors.middleware import CorsMiddleware

feature = Feature(
    name="cors",
    middleware=(CorsMiddleware,),
)
