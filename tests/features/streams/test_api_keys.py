"""Tickets and streams of API keys end with the key."""

from collections.abc import Callable
from datetime import datetime

import pytest
from fastapi import FastAPI

from app.features.streams.lifespan import StreamResources
from app.features.streams.models.ticket import InvalidTicket
from app.features.streams.session_revalidation import ConnectionGuard
from app.features.users.models.user import User
from app.security.principals import Principal
from tests.conftest import As
from tests.features.streams.test_authentication import PATH, open_stream
from tests.features.streams.test_session_revalidation import end, principal_of
from tests.state import resources_of


@pytest.mark.parametrize("how", ["revoked", "rotated"])
async def test_ticket_of_an_api_key_ends_with_the_key(
    app: FastAPI, as_user: As, user: User, how: str
) -> None:
    client = await as_user(user)
    body = {"name": "listener", "scopes": ["items:read"]}
    created = (await client.post("/api/v1/auth/api-keys", json=body)).json()
    client.headers = {"X-API-Key": created["key"]}
    first, second = [(await client.post(PATH)).json()["ticket"] for _ in range(2)]

    caller = await open_stream(app, f"ticket={first}")
    owner, path = await as_user(user), f"/api/v1/auth/api-keys/{created['id']}"
    await (owner.delete(path) if how == "revoked" else owner.post(f"{path}/rotate"))

    assert (str(caller.api_key_id), caller.session_id) == (created["id"], None)
    assert caller.expires_at == datetime.fromisoformat(created["expires_at"]).timestamp()
    with pytest.raises(InvalidTicket):
        await open_stream(app, f"ticket={second}")


@pytest.mark.parametrize("how", ["revoked", "rotated"])
async def test_stream_ends_with_its_key(
    app: FastAPI,
    as_user: As,
    user: User,
    open_streams: Callable[[Principal], ConnectionGuard],
    how: str,
) -> None:
    client, program = await as_user(user), await as_user(user)
    body = {"name": "listener", "scopes": ["items:read"]}
    created = (await client.post("/api/v1/auth/api-keys", json=body)).json()
    program.headers = {"X-API-Key": created["key"]}
    caller = await principal_of(app, program)
    watched = open_streams(caller)
    await resources_of(app)[StreamResources].revalidation.work()

    path = f"/api/v1/auth/api-keys/{created['id']}"
    await (client.delete(path) if how == "revoked" else client.post(f"{path}/rotate"))
    opened_meanwhile = open_streams(caller)

    assert await end(watched) == "revoked"
    assert await end(opened_meanwhile) == "revoked"
