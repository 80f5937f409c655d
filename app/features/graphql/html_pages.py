"""Static files of the GraphiQL page."""

from app.features.graphql.pages import static_files
from app.features.html_pages.extension import HtmlPages

extension = HtmlPages(static=static_files())
