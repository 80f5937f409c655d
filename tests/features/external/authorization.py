"""Authorization table of the external API, and a valid request of each operation."""

from tests.scenes import Authorization

TABLE = """
list_quotes               401        200 200   200 200   200 200
read_external_resource    401        200 -     200 -     200 -
read_aggregate            401        200 -     200 -     200 -
"""


authorization = Authorization(
    table=TABLE,
    names={"resource_id": "news"},
)
