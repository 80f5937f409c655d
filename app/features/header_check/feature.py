"""Header check: 400 for a request that repeats a header field with one value, or a name in JSON."""

from app.feature import Feature
from app.features.header_check.json_names import JsonNamesMiddleware
from app.features.header_check.middleware import HeaderCheckMiddleware

feature = Feature(
    name="header_check",
    middleware=(HeaderCheckMiddleware, JsonNamesMiddleware),
)
