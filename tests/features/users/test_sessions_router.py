"""Sessions of the caller over HTTP."""

import uuid
from typing import Any

import pytest
from httpx2 import AsyncClient

from app.features.users.crud.sessions import MAX_LIVE
from app.features.users.models.user import User
from tests.conftest import As, Database, Running, new_client
from tests.factories import PASSWORD
from tests.features.conftest import AUTH, ME, bearer, is_signed_in, refresh, sign_in, tokens
from tests.polling import eventually
from tests.problems import assert_problem

SESSIONS = f"{AUTH}/sessions"
OTHER_SESSIONS = """
INSERT INTO sessions (id, user_id, scopes, user_agent, address, generation, created_at, rotated_at,
    last_used_at, idle_expires_at, expires_at)
SELECT gen_random_uuid(), user_id, scopes, user_agent, address, generation, created_at, rotated_at,
    last_used_at, idle_expires_at, expires_at
FROM (SELECT * FROM sessions ORDER BY last_used_at DESC LIMIT 1) newest, generate_series(1, {count})
"""


class TestListSessions:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        assert_problem(await client.get(SESSIONS), 401, "unauthenticated")

    async def test_shows_address_and_time(self, client: AsyncClient, user: User) -> None:
        form = {"username": user.email, "password": PASSWORD}
        response = await client.post(
            f"{AUTH}/token", data=form, headers={"User-Agent": "Firefox " * 100}
        )
        token = response.json()["access_token"]

        (session,) = (await client.get(SESSIONS, headers=bearer(token))).json()["items"]

        assert session.keys() == {"id", "created_at", "last_used_at", "user_agent", "address"}
        assert session["user_agent"] == ("Firefox " * 100)[:255]
        assert session["address"] == "127.0.0.1"

    async def test_lists_only_own_live_sessions(
        self, client: AsyncClient, user: User, other_user: User, database: Database
    ) -> None:
        await tokens(client, user.email)
        await database("UPDATE sessions SET ended_at = now()")
        await tokens(client, user.email)
        await database("UPDATE sessions SET idle_expires_at = now()")
        await tokens(client, other_user.email)
        own = [await tokens(client, user.email) for _ in range(2)]

        response = await client.get(SESSIONS, headers=bearer(own[0]["access_token"]))

        assert len(response.json()["items"]) == 2

    async def test_last_used_comes_first(self, client: AsyncClient, user: User) -> None:
        older, newer = await tokens(client, user.email), await tokens(client, user.email)
        await refresh(client, older["refresh_token"])

        response = await client.get(SESSIONS, headers=bearer(newer["access_token"]))

        used = [session["last_used_at"] for session in response.json()["items"]]
        assert used == sorted(used, reverse=True)
        assert used[0] > response.json()["items"][0]["created_at"]


class TestEndSession:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.delete(f"{SESSIONS}/{uuid.uuid4()}")

        assert_problem(response, 401, "unauthenticated")

    async def test_ends_another_session(self, client: AsyncClient, user: User) -> None:
        there, here = await tokens(client, user.email), await tokens(client, user.email)
        headers = bearer(here["access_token"])
        assert await is_signed_in(client, there["access_token"])
        listed = (await client.get(SESSIONS, headers=headers)).json()["items"]

        response = await client.delete(f"{SESSIONS}/{listed[1]['id']}", headers=headers)

        assert (response.status_code, response.content) == (204, b"")
        assert not await is_signed_in(client, there["access_token"])
        assert_problem(await refresh(client, there["refresh_token"]), 401, "invalid_token")
        assert await is_signed_in(client, here["access_token"])

    async def test_session_with_few_scopes_ends_only_itself(
        self, client: AsyncClient, as_user: As, user: User, database: Database
    ) -> None:
        pair = await tokens(client, user.email)
        (other,) = await database("SELECT id FROM sessions")
        narrow = await as_user(user, scopes=("items:read",))

        response = await narrow.delete(f"{SESSIONS}/{other['id']}")

        assert_problem(response, 403, "insufficient_scope")
        assert await is_signed_in(client, pair["access_token"])
        (own,) = await database("SELECT id FROM sessions WHERE id <> :other", other=other["id"])
        assert (await narrow.delete(f"{SESSIONS}/{own['id']}")).status_code == 204

    @pytest.mark.parametrize("whose", ["of another user", "ended", "unknown"])
    async def test_session_of_another_user_is_not_found(
        self,
        client: AsyncClient,
        as_user: As,
        user: User,
        other_user: User,
        database: Database,
        whose: str,
    ) -> None:
        pair = await tokens(client, (user if whose == "ended" else other_user).email)
        if whose == "ended":
            await database("UPDATE sessions SET ended_at = now()")
        (row,) = await database("SELECT id FROM sessions")
        session_id = uuid.uuid4() if whose == "unknown" else row["id"]

        response = await (await as_user(user)).delete(f"{SESSIONS}/{session_id}")

        assert_problem(response, 404, "not_found")
        assert await is_signed_in(client, pair["access_token"]) == (whose != "ended")


class TestRevocation:
    """Access tokens are revoked in other processes, too: here, in two applications."""

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("POST", f"{AUTH}/logout", None),
            ("POST", f"{AUTH}/logout-all", None),
            ("DELETE", ME, {"current_password": PASSWORD}),
        ],
    )
    async def test_token_is_revoked_in_the_other_process(
        self, client: AsyncClient, running: Running, user: User, method: str, path: str, body: Any
    ) -> None:
        token = (await tokens(client, user.email))["access_token"]
        async with running() as other, new_client(other) as there:
            assert await is_signed_in(there, token)

            await client.request(method, path, headers=bearer(token), json=body)

            await eventually(lambda: is_signed_out(there, token))

    @pytest.mark.parametrize("body", [{"is_active": False}, {"role": "guest"}])
    async def test_token_is_revoked_when_an_administrator_disables_the_account(
        self, client: AsyncClient, as_user: As, user: User, admin: User, body: dict[str, object]
    ) -> None:
        token = (await tokens(client, user.email))["access_token"]
        assert await is_signed_in(client, token)

        await (await as_user(admin)).patch(f"/api/v1/users/{user.id}", json=body)

        assert not await is_signed_in(client, token)

    async def test_signing_in_again_works(self, client: AsyncClient, user: User) -> None:
        token = (await tokens(client, user.email))["access_token"]
        await client.post(f"{AUTH}/logout-all", headers=bearer(token))

        assert (await sign_in(client, user.email)).status_code == 200


async def is_signed_out(client: AsyncClient, token: str) -> bool:
    return not await is_signed_in(client, token)


class TestBound:
    async def test_session_beyond_the_limit_ends_the_least_recently_used(
        self, client: AsyncClient, user: User, database: Database
    ) -> None:
        oldest, second = await tokens(client, user.email), await tokens(client, user.email)
        await database(OTHER_SESSIONS.format(count=MAX_LIVE - 2))

        await tokens(client, user.email)

        assert not await is_signed_in(client, oldest["access_token"])
        assert await is_signed_in(client, second["access_token"])
