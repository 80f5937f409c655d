"""Header of all pages, with links to the documentation, and the files of Swagger UI and ReDoc."""

from pathlib import Path

import fastapi_offline
from fastapi import Request

from app.features.docs_pages.pages import ASSETS, render_if_docs_enabled
from app.features.html_pages.extension import HtmlPages, Markup
from app.features.html_pages.rendering import render
from app.features.html_pages.static_files import StaticFile

VENDOR = Path(fastapi_offline.__file__).parent / "static"
SWAGGER_UI = (VENDOR / "swagger-ui-bundle.js", VENDOR / "swagger-ui.css")
REDOC = StaticFile(
    VENDOR / "redoc.standalone.js", removed="https://cdn.redoc.ly/redoc/logo-mini.svg"
)


def render_header(request: Request) -> Markup:
    docs_links = render_if_docs_enabled(request, "header_docs.html")
    return render(request, ASSETS / "header.html", docs_links=docs_links)


extension = HtmlPages(
    static=(*ASSETS.glob("*.[cj]s*"), *SWAGGER_UI, REDOC),
    header=render_header,
)
