"""Authorization table of rooms; 101 is an open WebSocket."""

from tests.scenes import Authorization

TABLE = """
join_room                 401        101 -     101 -     101 -
show_chat                 anonymous  200
"""


authorization = Authorization(
    table=TABLE,
    names={"room": "lobby"},
)
