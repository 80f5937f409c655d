"""Authorization table of notifications, and a valid request of each operation."""

from tests.scenes import Authorization

TABLE = """
list_notifications        401        200 -     200 -     200 -
send_notification         401        403 -     403 -     202 -
"""


authorization = Authorization(
    table=TABLE,
    names={"email": "ada@example.com"},
)
