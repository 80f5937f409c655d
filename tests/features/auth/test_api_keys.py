"""API keys and accounts: what a key may not do, and what ends it."""

from fastapi import FastAPI
from httpx2 import AsyncClient

from app.features.users.models.user import User
from app.security.principals import Role
from tests.conftest import As, Database, Save, new_client
from tests.factories import PASSWORD, make_user
from tests.features.auth.test_email_changes import change
from tests.features.conftest import AUTH, address, bearer
from tests.problems import assert_problem

ITEMS = "/api/v1/items"
USERS = "/api/v1/users"


class TestChangeEmail:
    async def test_key_with_all_scopes_is_rejected(
        self, client: AsyncClient, as_user: As, user: User, database: Database
    ) -> None:
        body = {"name": "import", "scopes": ["users:read", "users:write"]}
        key = (await (await as_user(user)).post(f"{AUTH}/api-keys", json=body)).json()["key"]
        client.headers.update(bearer(key))

        assert_problem(await change(client, address()), 403, "session_required")
        assert await database("SELECT * FROM email_changes") == []


class TestRoles:
    async def test_key_beyond_the_role_does_not_come_back_with_the_role(
        self, app: FastAPI, as_user: As, admin: User, save: Save
    ) -> None:
        other = await save(make_user(role=Role.ADMIN))
        body = {"name": "import", "scopes": ["admin", "items:read"]}
        key = (await (await as_user(other)).post(f"{AUTH}/api-keys", json=body)).json()["key"]
        signed_in = await as_user(admin)

        for role in ("user", "admin"):
            await signed_in.patch(f"{USERS}/{other.id}", json={"role": role})

        async with new_client(app, **{"X-API-Key": key}) as program:
            assert_problem(await program.get(ITEMS), 401, "invalid_token")

    async def test_key_cannot_create_an_administrator(
        self, app: FastAPI, as_user: As, admin: User, user: User
    ) -> None:
        body = {"name": "import", "scopes": ["admin"]}
        key = (await (await as_user(admin)).post(f"{AUTH}/api-keys", json=body)).json()["key"]
        new = {"email": "grace@example.com", "username": "grace", "password": PASSWORD}

        async with new_client(app, **{"X-API-Key": key}) as program:
            created = await program.post(USERS, json={**new, "role": "admin"})
            promoted = await program.patch(f"{USERS}/{user.id}", json={"role": "admin"})
            ordinary = await program.post(USERS, json=new)

        assert_problem(created, 403, "session_required")
        assert_problem(promoted, 403, "session_required")
        assert ordinary.status_code == 201
