"""Authorization table of GraphQL: each field requires a scope of its own."""

from tests.scenes import Authorization

TABLE = """
execute_graphql           401        200 -     200 -     200 -
follow_graphql            401        101 -     101 -     101 -
show_graphql              anonymous  200
"""


authorization = Authorization(
    table=TABLE,
    before_confirmation=("execute_graphql",),
)
