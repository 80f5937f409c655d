"""Rooms over the protocol of the server, which disconnects a client that does not read."""

from functools import partial

import pytest
from fastapi import FastAPI

from app.features.http_server.websocket_protocol import WebSocketProtocol
from app.features.rooms.lifespan import RoomResources
from app.features.users.models.user import User
from benchmarks.harness.servers import serving
from tests.conftest import access_token
from tests.features.rooms.conftest import is_quiet
from tests.features.rooms.test_router import (
    ends_held,
    is_at_most,
    narrow,
    speak_until_a_user_leaves,
)
from tests.polling import eventually
from tests.sockets import guest
from tests.state import resources_of


class Impatient(WebSocketProtocol):
    """Aborts a connection whose client does not read after half a second."""

    stall_seconds = 0.5


async def test_client_that_never_reads_is_disconnected(
    app: FastAPI,
    user: User,
    other_user: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token, other_token = await access_token(app, user), await access_token(app, other_user)
    monkeypatch.setattr(resources_of(app)[RoomResources].rooms, "max_waiting_characters", 200_000)
    async with (
        serving(app, ws=Impatient) as port,
        guest(port, "lobby", token) as ada,
        guest(port, "lobby", other_token, sock=narrow(port), max_queue=1),
    ):
        await ada.receive("join")
        await speak_until_a_user_leaves(ada)

        # Of the two, the service's end of the reader's is gone.
        await eventually(lambda: is_at_most(partial(ends_held, port), 1))
    await eventually(lambda: is_quiet(app))
