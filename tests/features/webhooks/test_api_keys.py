"""Revocation of credentials: what a reset and each other event of an account ends."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.requests import HTTPConnection
from httpx2 import AsyncClient

from app.errors import Unauthenticated
from app.features.auth.models.mailed_token import Purpose
from app.features.streams.authentication import authenticate_stream
from app.features.users.models.user import User
from app.security.resources import SecurityResources
from tests.conftest import As, Database, Save, new_client
from tests.factories import PASSWORD, make_user
from tests.features.conftest import AUTH, ME, NEW_PASSWORD, LinkToken, bearer, refresh, tokens
from tests.features.webhooks.factories import make_webhook
from tests.problems import assert_problem
from tests.state import resources_of

ITEMS = "/api/v1/items"
USERS = "/api/v1/users"
ALL = {"session", "refreshed", "key", "tickets", "links", "webhook"}


@dataclass
class Account:
    """All credentials of one account, collected before an event that ends them."""

    app: FastAPI
    client: AsyncClient
    user: User
    pair: dict[str, Any] = field(default_factory=dict)
    newer: dict[str, Any] = field(default_factory=dict)
    key: str = ""
    tickets: list[str] = field(default_factory=list)
    links: dict[Purpose, str] = field(default_factory=dict)
    webhook_id: str = ""

    async def gather(self, save: Save, link_token: LinkToken) -> None:
        old = await tokens(self.client, self.user.email)
        self.newer = (await refresh(self.client, old["refresh_token"])).json()
        self.pair = old
        session = bearer(self.newer["access_token"])
        body = {"name": "import", "scopes": ["items:read"]}
        created = await self.client.post(f"{AUTH}/api-keys", json=body, headers=session)
        self.key = created.json()["key"]
        for headers in (session, bearer(self.key)):
            response = await self.client.post(f"{AUTH}/ws-ticket", headers=headers)
            self.tickets.append(response.json()["ticket"])
        self.links = {purpose: await link_token(self.user, purpose) for purpose in Purpose}
        self.webhook_id = str((await save(make_webhook(self.user))).id)
        assert await self.opens(bearer(self.key))

    async def opens(self, headers: dict[str, str]) -> bool:
        status = (await self.client.get(ITEMS, headers=headers)).status_code
        assert status in {200, 401, 403}
        return status != 401

    async def opens_stream(self, ticket: str) -> bool:
        scope = {"type": "websocket", "app": self.app, "headers": []}
        scope["query_string"] = f"ticket={ticket}".encode()
        try:
            await authenticate_stream(HTTPConnection(scope))
        except Unauthenticated:
            return False
        return True

    async def confirms(self, token: str) -> bool:
        response = await self.client.post(f"{AUTH}/verify-email", json={"token": token})
        return response.status_code == 204

    async def left(self, database: Database) -> set[str]:
        """What still works."""
        (webhook,) = await database(
            "SELECT is_active FROM webhooks WHERE id = CAST(:id AS uuid)", id=self.webhook_id
        )
        links = await database(
            "SELECT purpose FROM mailed_tokens WHERE user_id = :id", id=self.user.id
        )
        works = {
            "session": await self.opens(bearer(self.newer["access_token"])),
            # The generation before the last, within the grace of an honest retry.
            "refreshed": (await refresh(self.client, self.pair["refresh_token"])).status_code
            == 200,
            "key": await self.opens(bearer(self.key)),
            "tickets": any([await self.opens_stream(ticket) for ticket in self.tickets]),
            "links": bool(links),
            "webhook": webhook["is_active"],
        }
        return {name for name, does in works.items() if does}


@pytest.fixture
async def account(app: FastAPI, client: AsyncClient, save: Save, link_token: LinkToken) -> Account:
    account = Account(app, client, await save(make_user()))
    await account.gather(save, link_token)
    return account


async def reset(account: Account, _: AsyncClient) -> None:
    body = {"token": account.links[Purpose.RESET_PASSWORD], "new_password": NEW_PASSWORD}
    response = await account.client.post(f"{AUTH}/reset-password", json=body)
    assert response.status_code == 204, response.text


def by_user(method: str, path: str, body: Any = None) -> Callable[..., Awaitable[None]]:
    async def act(account: Account, _: AsyncClient) -> None:
        other = await tokens(account.client, account.user.email)
        headers = bearer(other["access_token"])
        response = await account.client.request(method, path, json=body, headers=headers)
        assert response.status_code == 204, response.text

    return act


def by_admin(method: str, body: Any = None) -> Callable[..., Awaitable[None]]:
    async def act(account: Account, admin: AsyncClient) -> None:
        response = await admin.request(method, f"{USERS}/{account.user.id}", json=body)
        assert response.status_code < 300, response.text

    return act


PASSWORDS = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
ENDINGS: dict[str, tuple[Callable[..., Awaitable[None]], set[str]]] = {
    "password reset": (reset, set()),
    "password change": (by_user("PUT", f"{ME}/password", PASSWORDS), {"links"}),
    "password change that keeps keys": (
        by_user("PUT", f"{ME}/password", {**PASSWORDS, "revoke_api_keys": False}),
        {"key", "tickets", "links", "webhook"},
    ),
    "logout-all": (by_user("POST", f"{AUTH}/logout-all"), {"links"}),
    "logout-all that keeps keys": (
        by_user("POST", f"{AUTH}/logout-all?revoke_api_keys=false"),
        {"key", "tickets", "links", "webhook"},
    ),
    "deletion": (by_user("DELETE", ME, {"current_password": PASSWORD}), set()),
    "disabling": (by_admin("PATCH", {"is_active": False}), set()),
    "deletion by an administrator": (by_admin("DELETE"), set()),
    "role with fewer scopes": (by_admin("PATCH", {"role": "guest"}), {"key", "tickets", "links"}),
}


class TestRevocationEvents:
    @pytest.mark.parametrize("ending", ENDINGS)
    async def test_event_ends_exactly_the_documented_credentials(
        self, account: Account, as_user: As, admin: User, database: Database, ending: str
    ) -> None:
        assert await account.left(database) >= ALL - {"tickets", "refreshed"}
        act, left = ENDINGS[ending]
        fresh = [
            (await account.client.post(f"{AUTH}/ws-ticket", headers=headers)).json()["ticket"]
            for headers in (bearer(account.newer["access_token"]), bearer(account.key))
        ]
        account.tickets = fresh

        await act(account, await as_user(admin))

        assert await account.left(database) == left

    async def test_enabling_a_disabled_account_restores_no_credentials(
        self, account: Account, as_user: As, admin: User, database: Database
    ) -> None:
        signed_in = await as_user(admin)
        for is_active in (False, True):
            await by_admin("PATCH", {"is_active": is_active})(account, signed_in)

        assert await account.left(database) == set()

    async def test_logout_ends_only_its_session_and_tickets(
        self, account: Account, database: Database
    ) -> None:
        headers = bearer(account.newer["access_token"])
        assert (await account.client.post(f"{AUTH}/logout", headers=headers)).status_code == 204

        session_ticket, key_ticket = account.tickets
        assert not await account.opens_stream(session_ticket)
        assert await account.opens_stream(key_ticket)
        assert await account.left(database) == {"key", "links", "webhook"}

    async def test_user_is_notified_why_webhooks_are_disabled(
        self, account: Account, as_user: As, admin: User
    ) -> None:
        await reset(account, await as_user(admin))

        signed_in = await as_user(account.user)
        (notification,) = (await signed_in.get("/api/v1/notifications")).json()["items"]
        webhook = (await signed_in.get(f"/api/v1/webhooks/{account.webhook_id}")).json()
        assert "your password was reset" in notification["message"]
        assert (webhook["is_active"], webhook["disabled_reason"]) == (False, "password_reset")

    async def test_replayed_responses_give_no_access_after_a_reset(
        self, account: Account, as_user: As, admin: User, database: Database
    ) -> None:
        """A sign-in is replayed to its anonymous client, a key only to its owner."""
        repeat = {"Idempotency-Key": "again"}
        form = {"username": account.user.email, "password": PASSWORD}
        first = await account.client.post(f"{AUTH}/token", data=form, headers=repeat)
        assert first.status_code == 200

        await reset(account, await as_user(admin))

        replayed = await account.client.post(f"{AUTH}/token", data=form, headers=repeat)
        pair = replayed.json()
        if replayed.status_code == 200:
            assert not await account.opens(bearer(pair["access_token"]))
            response = await refresh(account.client, pair["refresh_token"])
            assert_problem(response, 401, "invalid_token")
        headers = {**bearer(account.newer["access_token"]), **repeat}
        again = await account.client.post(f"{AUTH}/api-keys", json={}, headers=headers)
        assert again.status_code in {401, 422}


class TestRoles:
    async def test_narrow_key_gets_no_secret_of_a_webhook_with_more_scopes(
        self, app: FastAPI, as_user: As, user: User, save: Save
    ) -> None:
        webhook = await save(make_webhook(user))
        body = {"name": "import", "scopes": ["webhooks:manage"]}
        key = (await (await as_user(user)).post(f"{AUTH}/api-keys", json=body)).json()["key"]

        async with new_client(app, **{"X-API-Key": key}) as program:
            response = await program.post(f"/api/v1/webhooks/{webhook.id}/rotate-secret")

        assert_problem(response, 403, "insufficient_scope")


class TestUnconfirmedAccount:
    async def test_key_and_webhook_from_before_the_rule_end_when_the_address_is_confirmed(
        self,
        client: AsyncClient,
        as_user: As,
        user: User,
        save: Save,
        link_token: LinkToken,
        database: Database,
        app: FastAPI,
    ) -> None:
        body = {"name": "import", "scopes": ["items:read"]}
        key = (await (await as_user(user)).post(f"{AUTH}/api-keys", json=body)).json()["key"]
        await save(make_webhook(user))
        await database("UPDATE users SET email_verified = false")
        resources_of(app)[SecurityResources].principals.clear()
        before = await client.get(ITEMS, headers=bearer(key))
        assert_problem(before, 403, "email_not_verified")

        token = await link_token(user, Purpose.VERIFY_EMAIL)
        await client.post(f"{AUTH}/verify-email", json={"token": token})

        after = await client.get(ITEMS, headers=bearer(key))
        assert_problem(after, 401, "invalid_token")
        assert await database("SELECT is_active FROM webhooks") == [{"is_active": False}]
