"""The outbound HTTP client, with deadlines and bounds."""

from app.feature import Feature

feature = Feature(
    name="http_client",
)
