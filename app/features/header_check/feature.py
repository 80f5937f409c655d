"""Header check: 400 for a request that repeats a header field with one value."""

from app.feature import Feature
from app.features.header_check.middleware import HeaderCheckMiddleware

feature = Feature(
    name="header_check",
    middleware=(HeaderCheckMiddleware,),
)
