"""Static files and card of the dashboard page."""

from app.features.dashboard.pages import ASSETS
from app.features.html_pages.extension import Card, HtmlPages

extension = HtmlPages(
    static=tuple(ASSETS.glob("*.[cj]s*")),
    cards=(Card("/dashboard", "Charts of items, tasks and responses, live."),),
)
