"""Authorization table of WebSocket tickets, and a valid request of each operation."""

from tests.scenes import Authorization

TABLE = """
create_ws_ticket          401        200 -     200 -     200 -
"""


authorization = Authorization(
    table=TABLE,
)
