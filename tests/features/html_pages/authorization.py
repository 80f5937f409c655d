"""Authorization table of the static files: public."""

from tests.scenes import Authorization

TABLE = """
read_static_file          anonymous  200
"""


authorization = Authorization(
    table=TABLE,
    names={"name": "site.css"},
)
