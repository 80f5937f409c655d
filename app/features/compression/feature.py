"""Compression: gzip for large responses; a proxy in front of the service can do the same."""

from app.feature import Feature
from app.features.compression.middleware import CompressionMiddleware

feature = Feature(
    name="compression",
    inner_middleware=(CompressionMiddleware,),
)
