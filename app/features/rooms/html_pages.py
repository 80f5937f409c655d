"""Static files and card of the chat page."""

from app.features.html_pages.extension import Card, HtmlPages
from app.features.rooms.pages import ASSETS

extension = HtmlPages(
    static=tuple(ASSETS.glob("*.[cj]s*")),
    cards=(Card("/dev/chat", "Rooms: chat over WebSockets, in two windows.", in_production=False),),
)
