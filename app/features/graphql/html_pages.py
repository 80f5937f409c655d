"""Static files and card of the GraphiQL page."""

from app.features.graphql.pages import static_files
from app.features.html_pages.extension import Card, HtmlPages

extension = HtmlPages(
    static=static_files(),
    cards=(Card("/graphql", "GraphiQL: queries, mutations, subscriptions.", in_production=False),),
)
