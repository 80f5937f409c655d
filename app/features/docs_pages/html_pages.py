"""Header of all pages, with links to the documentation, and the files of Swagger UI and ReDoc."""

from pathlib import Path

import fastapi_offline
from fastapi import Request

from app.features.docs_pages.pages import ASSETS, render_if_docs_enabled
from app.features.html_pages.extension import HtmlPages, Markup
from app.features.html_pages.rendering import render

VENDOR = Path(fastapi_offline.__file__).parent / "static"
VENDORED = ("redoc.standalone.js", "swagger-ui-bundle.js", "swagger-ui.css")


def render_header(request: Request) -> Markup:
    docs_links = render_if_docs_enabled(request, "header_docs.html")
    return render(request, ASSETS / "header.html", docs_links=docs_links)


extension = HtmlPages(
    static=(*ASSETS.glob("*.[cj]s*"), *(VENDOR / name for name in VENDORED)),
    header=render_header,
)
