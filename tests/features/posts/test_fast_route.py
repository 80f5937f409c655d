"""The list of posts is a hot operation."""

from fastapi import FastAPI

from tests.fastpath.test_route import compiled_graph_of


async def test_list_of_posts_has_a_compiled_graph(app: FastAPI) -> None:
    assert compiled_graph_of(app, "list_posts")
