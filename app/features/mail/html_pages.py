"""Card of the page that shows the mails of a development service."""

from app.features.html_pages.extension import Card, HtmlPages

extension = HtmlPages(
    cards=(Card("/dev/mails", "The mails that were sent, with their links.", in_production=False),)
)
