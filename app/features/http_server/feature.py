"""HTTP/1.1 and WebSocket protocols: uvicorn's, with the checks of RFC 9112 and bounds."""

# The pages of problems list its errors.
import app.features.http_server.errors  # noqa: F401
from app.feature import Feature
from app.features.http_server.middleware import RejectionMiddleware

feature = Feature(
    name="http_server",
    middleware=(RejectionMiddleware,),
)
