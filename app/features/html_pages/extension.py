"""HTML extension: what a feature adds to all pages, in its module `html_pages.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request

from app.features.html_pages.static_files import StaticFile


class Markup(str):
    """Text that is HTML and not escaped when rendered; all other values are escaped."""

    __slots__ = ()


RenderHeader = Callable[[Request], Markup]


@dataclass(frozen=True)
class Card:
    """A link on the landing page."""

    path: str
    text: str
    in_production: bool = True


@dataclass(frozen=True, kw_only=True)
class HtmlPages:
    """The contributions of one feature."""

    static: tuple[Path | StaticFile, ...] = ()
    """Style sheets and scripts, served below `/static/` by their names."""
    header: RenderHeader | None = None
    """Renders the navigation at the top of each page."""
    cards: tuple[Card, ...] = ()
