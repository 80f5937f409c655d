"""Lifespan of what the extension modules of other features add to all pages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.feature import Features
from app.features.html_pages.extension import HtmlPages
from app.features.html_pages.resources import HtmlResources
from app.features.html_pages.static_files import StaticFile, StaticFiles
from app.startup import Startup


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[HtmlResources]:
    extensions = startup.resources[Features].extensions("html_pages", HtmlPages)
    files = (file for each in extensions for file in each.static)
    static = StaticFiles(StaticFile(file) if isinstance(file, Path) else file for file in files)
    headers = tuple(each.header for each in extensions if each.header)
    is_production = startup.settings.environment == "production"
    cards = (card for each in extensions for card in each.cards)
    shown = tuple(card for card in cards if card.in_production or not is_production)
    yield HtmlResources(static, headers, shown)
