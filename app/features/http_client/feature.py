"""Outbound HTTP client, with deadlines and response size limits."""

from app.feature import Feature

feature = Feature(
    name="http_client",
)
