"""Rooms: programs enter with an API key."""

from app.features.users.models.user import User
from tests.conftest import As
from tests.features.rooms.test_router import ROOM
from tests.sockets import handshake


async def test_api_key_opens_as_well(port: int, as_user: As, user: User) -> None:
    body = {"name": "listener", "scopes": ["posts:read"]}
    client = await as_user(user)
    key = (await client.post("/api/v1/auth/api-keys", json=body)).json()["key"]

    assert (await handshake(port, ROOM, {"X-API-Key": key}))[0] == 101
