"""Resources that pages are rendered with."""

from dataclasses import dataclass

from app.features.html_pages.extension import Card, RenderHeader
from app.features.html_pages.static_files import StaticFiles


@dataclass(frozen=True, slots=True)
class HtmlResources:
    static: StaticFiles
    headers: tuple[RenderHeader, ...]
    cards: tuple[Card, ...]
