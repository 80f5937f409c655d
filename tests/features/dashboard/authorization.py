"""Authorization table of the dashboard, and a valid request of each operation."""

from tests.scenes import Authorization

TABLE = """
read_dashboard            401        403 -     200 -     200 -
show_dashboard            anonymous  200
"""


authorization = Authorization(
    table=TABLE,
)
