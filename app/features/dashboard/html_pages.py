"""Static files of the dashboard page."""

from app.features.dashboard.pages import ASSETS
from app.features.html_pages.extension import HtmlPages

extension = HtmlPages(static=tuple(ASSETS.glob("*.[cj]s*")))
