"""Authorization table of the metrics: public, unless METRICS_TOKEN is set."""

from tests.scenes import Authorization

TABLE = """
read_metrics              anonymous  200
"""


authorization = Authorization(table=TABLE)
