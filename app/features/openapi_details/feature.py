"""Details of the OpenAPI document: the errors, headers, bounds and examples of each operation.

FastAPI's document serves without it, with every error as a problem.
"""

from app.feature import Feature
from app.features.openapi_details.document import describe

feature = Feature(
    name="openapi_details",
    requires=("idempotency",),
    extend=describe,
)
