"""HTTP/1.1 and WebSocket protocols: uvicorn's, with the checks of RFC 9112 and bounds."""

from app.feature import Feature

feature = Feature(
    name="http_server",
)
