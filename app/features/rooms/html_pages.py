"""Static files of the chat page."""

from app.features.html_pages.extension import HtmlPages
from app.features.rooms.pages import ASSETS

extension = HtmlPages(static=tuple(ASSETS.glob("*.[cj]s*")))
