"""Authorization table of the event stream, and a valid request of each operation."""

from tests.scenes import Authorization

TABLE = """
stream_events             401        200 -     200 -     200 -
"""


authorization = Authorization(
    table=TABLE,
    streams=("stream_events",),
    representatives=("stream_events",),
)
