"""Lifespan of what the extension modules of other features add to all pages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.feature import Features
from app.features.html_pages.extension import HtmlPages
from app.features.html_pages.resources import HtmlResources
from app.features.html_pages.static_files import StaticFiles
from app.startup import Startup


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[HtmlResources]:
    extensions = startup.resources[Features].extensions("html_pages", HtmlPages)
    static = StaticFiles(path for each in extensions for path in each.static)
    yield HtmlResources(static, tuple(each.header for each in extensions if each.header))
