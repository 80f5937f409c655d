"""Query parameters of the handshake."""

from fastapi import FastAPI

from app.features.users.models.user import User
from benchmarks.harness.servers import serving
from tests.conftest import access_token
from tests.sockets import handshake


async def test_handshake_rejects_unknown_parameters(app: FastAPI, user: User) -> None:
    headers = {"Authorization": f"Bearer {await access_token(app, user)}"}
    async with serving(app) as port:
        status, _, problem = await handshake(port, "/graphql?surprise=1", headers)

    assert (status, problem["code"]) == (422, "validation_failed")


async def test_handshake_rejects_a_query_in_invalid_utf_8(app: FastAPI, user: User) -> None:
    headers = {"Authorization": f"Bearer {await access_token(app, user)}"}
    async with serving(app) as port:
        status, _, problem = await handshake(port, "/graphql?%E9=1", headers)

    assert (status, problem["errors"][0]["code"]) == (422, "text_encoding")
