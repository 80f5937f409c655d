"""Authorization table of GraphQL: each field requires a scope of its own."""

from typing import Any

from tests.scenes import Authorization, Scene

TABLE = """
execute_graphql           401        200 -     200 -     200 -
query_graphql             401        200 -     200 -     200 -
follow_graphql            401        101 -     101 -     101 -
show_graphql              anonymous  200
"""


async def a_query(_: Scene) -> dict[str, Any]:
    return {"params": {"query": "{me{id}}"}}


async def html(_: Scene) -> dict[str, Any]:
    return {"headers": {"Accept": "text/html"}}


authorization = Authorization(
    table=TABLE,
    bodies={"query_graphql": a_query, "show_graphql": html},
    before_confirmation=("execute_graphql", "query_graphql"),
)
