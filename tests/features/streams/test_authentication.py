"""Tickets: from the endpoint that issues one to the stream that accepts it."""

import asyncio
from typing import Any
from urllib.parse import quote

import pytest
import time_machine
from fastapi import FastAPI
from fastapi.requests import HTTPConnection

from app.errors import AppError, InvalidToken, Unauthenticated
from app.features.streams.authentication import authenticate_stream
from app.features.streams.models.ticket import InvalidTicket
from app.features.users.models.user import User
from app.runtime.clock import now
from app.security.principals import Principal, Role
from app.security.request_credentials import AmbiguousCredentials
from tests.conftest import As, access_token
from tests.problems import assert_problem

AT_ONCE = 10
PATH = "/api/v1/auth/ws-ticket"


async def get_ticket(as_user: As, user: User, **scopes: Any) -> str:
    response = await (await as_user(user, **scopes)).post(PATH)
    assert response.status_code == 200, response.text
    ticket: str = response.json()["ticket"]
    return ticket


async def open_stream(app: FastAPI, query: str, *headers: tuple[bytes, bytes]) -> Principal:
    scope = {"type": "websocket", "app": app, "query_string": query.encode(), "headers": headers}
    return await authenticate_stream(HTTPConnection(scope))


class TestTicket:
    async def test_ticket_requires_authentication(self, client: Any) -> None:
        assert_problem(await client.post(PATH), 401, "unauthenticated")

    async def test_ticket_has_the_scopes_of_its_credential(
        self, app: FastAPI, as_user: As, user: User
    ) -> None:
        client = await as_user(user, scopes=("items:read",))
        response = (await client.post(PATH)).json()

        caller = await open_stream(app, f"ticket={response['ticket']}")

        assert response["expires_in"] == 30
        assert (caller.id, caller.role) == (user.id, Role.USER)
        assert caller.scopes == {"items:read"}
        assert caller.session_id
        assert 14 * 60 < caller.expires_at - now().timestamp() <= 15 * 60

    async def test_ticket_is_accepted_once_under_concurrency(
        self, app: FastAPI, as_user: As, user: User
    ) -> None:
        ticket = await get_ticket(as_user, user)

        attempts = [open_stream(app, f"ticket={ticket}") for _ in range(AT_ONCE)]
        outcomes = await asyncio.gather(*attempts, return_exceptions=True)

        assert sum(isinstance(each, Principal) for each in outcomes) == 1
        assert sum(isinstance(each, InvalidTicket) for each in outcomes) == AT_ONCE - 1

    async def test_ticket_expires_after_30_seconds(
        self, app: FastAPI, as_user: As, user: User
    ) -> None:
        with time_machine.travel(now().timestamp() - 31, tick=True):
            ticket = await get_ticket(as_user, user)

        with pytest.raises(InvalidTicket):
            await open_stream(app, f"ticket={ticket}")

    async def test_ticket_ends_with_its_session(
        self, app: FastAPI, as_user: As, user: User
    ) -> None:
        client = await as_user(user)
        ticket = (await client.post(PATH)).json()["ticket"]
        await client.post("/api/v1/auth/logout")

        with pytest.raises(InvalidTicket):
            await open_stream(app, f"ticket={ticket}")

    async def test_ticket_has_the_current_permissions_of_its_user(
        self, app: FastAPI, as_user: As, admin: User, user: User
    ) -> None:
        ticket = await get_ticket(as_user, user)
        other = await as_user(admin)
        await other.patch(f"/api/v1/users/{user.id}", json={"is_active": False})

        with pytest.raises(InvalidTicket):
            await open_stream(app, f"ticket={ticket}")


class TestCredential:
    async def test_header_is_accepted(self, app: FastAPI, user: User) -> None:
        token = await access_token(app, user)

        caller = await open_stream(app, "", (b"authorization", f"Bearer {token}".encode()))

        assert caller.id == user.id

    @pytest.mark.parametrize("name", ["access_token", "token", "authorization", "api_key"])
    async def test_token_in_the_url_is_always_rejected(
        self, app: FastAPI, user: User, name: str
    ) -> None:
        token = await access_token(app, user)
        header = (b"authorization", f"Bearer {token}".encode())

        with pytest.raises(Unauthenticated, match="no place in a URL"):
            await open_stream(app, f"{name}={token}")
        with pytest.raises(AmbiguousCredentials):
            await open_stream(app, f"{name}={token}", header)

    async def test_token_is_no_ticket(self, app: FastAPI, user: User) -> None:
        token = await access_token(app, user)

        with pytest.raises(InvalidTicket):
            await open_stream(app, f"ticket={token}")

    @pytest.mark.parametrize("ticket", ["", "x", "\0", "\ud800", "a" * 5000, "' OR 1=1 --"])
    async def test_malformed_ticket_is_rejected(self, app: FastAPI, ticket: str) -> None:
        with pytest.raises(InvalidTicket):
            await open_stream(app, f"ticket={quote(ticket, errors='surrogatepass')}")

    async def test_ticket_is_no_token(self, app: FastAPI, as_user: As, user: User) -> None:
        ticket = await get_ticket(as_user, user)

        with pytest.raises(InvalidToken):
            await open_stream(app, "", (b"authorization", f"Bearer {ticket}".encode()))

    async def test_request_without_credential_is_rejected(self, app: FastAPI) -> None:
        with pytest.raises(AppError) as rejected:
            await open_stream(app, "")

        assert rejected.value.status == 401
