"""Documentation pages: Swagger UI, ReDoc, the landing page and the problem types."""

from app.feature import Feature
from app.features.docs_pages.pages import router

feature = Feature(
    name="docs_pages",
    requires=("html_pages", "openapi_details", "system"),
    root_routers=(router,),
)
