"""HTML pages: templates, their frame, and the static files that pages load."""

from app.feature import Feature
from app.features.html_pages.lifespan import lifespan
from app.features.html_pages.problem_pages import PROBLEM_PAGES
from app.features.html_pages.router import router

feature = Feature(
    name="html_pages",
    root_routers=(router,),
    problem_extensions=(PROBLEM_PAGES,),
    lifespan=lifespan,
)
