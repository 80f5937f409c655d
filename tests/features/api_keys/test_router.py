"""Keys for programs."""

import asyncio
import hashlib
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.requests import HTTPConnection
from httpx2 import AsyncClient, Response
from sqlalchemy import text as sql

from app.errors import InvalidToken
from app.features.users.crud import credentials
from app.features.users.models.user import User
from app.features.users.signals import RevocationReason
from app.security.credential_verification import authenticate
from app.security.principals import Role
from app.security.resources import SecurityResources
from tests.conftest import As, Database, Running, Save, access_token, new_client
from tests.factories import make_user
from tests.features.conftest import AUTH, ME, bearer
from tests.polling import eventually
from tests.problems import assert_problem, broken
from tests.scopes import SCOPES
from tests.state import resources_of, units_of_work

KEYS = f"{AUTH}/api-keys"
ITEMS = "/api/v1/items"


async def make_key(
    client: AsyncClient, scopes: Iterable[str] = ("items:read",), **fields: Any
) -> dict[str, Any]:
    response = await create(client, scopes, **fields)
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created


async def create(
    client: AsyncClient, scopes: Iterable[str] = ("items:read",), **fields: Any
) -> Response:
    return await client.post(KEYS, json={"name": "import", "scopes": list(scopes)} | fields)


async def use(client: AsyncClient, key: str, path: str = ITEMS) -> Response:
    return await client.get(path, headers={"X-API-Key": key})


class TestCreateApiKey:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        assert_problem(await create(client), 401, "unauthenticated")

    async def test_key_is_shown_once(self, as_user: As, user: User) -> None:
        signed_in = await as_user(user)

        created = await make_key(signed_in)

        (listed,) = (await signed_in.get(KEYS)).json()["items"]
        assert created.keys() - listed.keys() == {"key"}
        assert created["key"].startswith(f"rk_{listed['prefix']}_")

    async def test_only_a_digest_is_stored(
        self, as_user: As, user: User, database: Database
    ) -> None:
        key = (await make_key(await as_user(user)))["key"]
        secret = key.split("_", 2)[2]

        (row,) = await database("SELECT *, api_keys::text AS whole FROM api_keys")

        assert row["secret_hash"] == hashlib.sha256(secret.encode()).digest()
        assert secret not in row["whole"]
        assert len(secret) >= 43

    @pytest.mark.parametrize("header", ["X-API-Key", "x-api-key", "Authorization"])
    async def test_key_works_wherever_a_token_does(
        self, client: AsyncClient, as_user: As, user: User, header: str
    ) -> None:
        key = (await make_key(await as_user(user)))["key"]

        value = f"Bearer {key}" if header == "Authorization" else key
        response = await client.get(ITEMS, headers={header: value})

        assert response.status_code == 200

    async def test_key_may_do_no_more_than_its_scopes(
        self, client: AsyncClient, as_user: As, user: User
    ) -> None:
        key = (await make_key(await as_user(user), ["items:read"]))["key"]

        assert_problem(await use(client, key, ME), 403, "insufficient_scope")

    async def test_key_may_do_no_more_than_its_owner_today(
        self, client: AsyncClient, as_user: As, admin: User, database: Database
    ) -> None:
        key = (await make_key(await as_user(admin), ["admin", "items:read"]))["key"]
        await database("UPDATE users SET role = 'guest'")

        assert_problem(await use(client, key, "/api/v1/users"), 403, "insufficient_scope")
        assert (await use(client, key)).status_code == 200

    @pytest.mark.parametrize(
        ("role", "scopes"),
        [(Role.USER, ["admin"]), (Role.GUEST, ["items:read", "items:write"])],
    )
    async def test_missing_scope_cannot_be_delegated(
        self, as_user: As, save: Save, role: Role, scopes: list[str]
    ) -> None:
        signed_in = await as_user(await save(make_user(role=role)))

        assert_problem(await create(signed_in, scopes), 403, "insufficient_scope")

    async def test_token_with_few_scopes_creates_no_key_with_more(
        self, as_user: As, user: User
    ) -> None:
        signed_in = await as_user(user, scopes=("items:read",))

        assert_problem(await create(signed_in, ["items:write"]), 403, "insufficient_scope")

    async def test_key_cannot_create_a_key(self, app: FastAPI, as_user: As, admin: User) -> None:
        key = (await make_key(await as_user(admin), list(SCOPES)))["key"]

        async with new_client(app, **{"X-API-Key": key}) as program:
            response = await create(program, ["items:read"])

        assert_problem(response, 403, "session_required")

    async def test_key_without_expiry_lives_for_the_default_time(
        self, as_user: As, user: User
    ) -> None:
        created = await make_key(await as_user(user))

        lifetime = lifetime_of(created)
        assert timedelta(days=89, hours=23) < lifetime <= timedelta(days=90)

    async def test_default_lifetime_stays_below_the_longest(
        self, app: FastAPI, running: Running, user: User
    ) -> None:
        token = await access_token(app, user)
        async with running(api_key_max_days=7) as short, new_client(short, **bearer(token)) as own:
            created = await make_key(own)

        assert lifetime_of(created) <= timedelta(days=7)

    async def test_longest_lifetime_is_the_limit(self, as_user: As, user: User) -> None:
        signed_in = await as_user(user)
        longest, beyond = (datetime.now(UTC) + timedelta(days=days) for days in (365, 366))

        accepted = await create(signed_in, expires_at=longest.isoformat())
        rejected = await create(signed_in, expires_at=beyond.isoformat())

        assert accepted.status_code == 201
        assert broken(rejected) == {"/body/expires_at": "expires_too_late"}

    @pytest.mark.parametrize("expiry", ["NULL", "'2999-01-01'"])
    async def test_key_from_before_lifetimes_were_bounded_ends_too(
        self, client: AsyncClient, as_user: As, user: User, database: Database, expiry: str
    ) -> None:
        young, old = [(await make_key(await as_user(user)))["key"] for _ in range(2)]
        await database(f"UPDATE api_keys SET expires_at = {expiry}")
        await database(
            "UPDATE api_keys SET created_at = now() - interval '366 days' WHERE prefix = :prefix",
            prefix=old.split("_")[1],
        )

        assert (await use(client, young)).status_code == 200
        assert_problem(await use(client, old), 401, "invalid_token")

    async def test_account_has_a_bounded_number_of_live_keys(
        self, app: FastAPI, running: Running, user: User, database: Database
    ) -> None:
        token = await access_token(app, user)
        async with running(api_keys_per_user=2) as few, new_client(few, **bearer(token)) as own:
            at_once = await asyncio.gather(*(create(own) for _ in range(5)))
            await database("UPDATE api_keys SET expires_at = now()")
            later = await create(own)

        statuses = sorted(response.status_code for response in at_once)
        assert statuses == [201, 201, 409, 409, 409]
        rejected = next(response for response in at_once if response.status_code == 409)
        assert_problem(rejected, 409, "too_many_api_keys")
        assert later.status_code == 201

    async def test_key_created_during_a_password_reset_is_revoked(
        self, app: FastAPI, client: AsyncClient, as_user: As, user: User
    ) -> None:
        signed_in = await as_user(user)
        await signed_in.get(ME)  # The principal is cached.

        async with units_of_work(app).begin() as uow:
            await credentials.lock(uow, user.id)
            attempt = asyncio.create_task(create(signed_in))
            await until_waiting_for_lock(app)
            await credentials.revoke_all(uow, user.id, RevocationReason.PASSWORD_RESET)

        assert_problem(await attempt, 401, "invalid_token")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            *[("name", value) for value in ("", " ", "x" * 101, "a\0b", None, 7)],
            *[("scopes", value) for value in ([], ["items:read"] * 21, "items:read", None)],
            *[("expires_at", value) for value in ("2020-01-01T00:00:00Z", "2999-01-01", 7)],
            ("expires_at", "2999-01-01T00:00:00"),
            ("user_id", "0f8fad5b-d9cb-469f-a165-70867728950e"),
        ],
    )
    async def test_invalid_field_is_named(
        self, as_user: As, user: User, field: str, value: object
    ) -> None:
        body = {"name": "import", "scopes": ["items:read"], field: value}

        response = await (await as_user(user)).post(KEYS, json=body)

        assert broken(response).keys() == {f"/body/{field}"}

    async def test_unknown_scope_is_named(self, as_user: As, user: User) -> None:
        response = await create(await as_user(user), ["items:read", "unknown"])

        assert broken(response) == {"/body/scopes/1": "enum"}

    async def test_key_expires(
        self, client: AsyncClient, as_user: As, user: User, database: Database
    ) -> None:
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        key = (await make_key(await as_user(user), expires_at=tomorrow))["key"]
        await database("UPDATE api_keys SET expires_at = now() - interval '1 second'")

        assert_problem(await use(client, key), 401, "invalid_token")

    async def test_cached_key_expires_to_the_second(
        self, client: AsyncClient, as_user: As, user: User
    ) -> None:
        # It must be in the future when the key is created, which takes long on a busy machine.
        soon = datetime.now(UTC) + timedelta(seconds=2)
        key = (await make_key(await as_user(user), expires_at=soon.isoformat()))["key"]

        async def is_rejected() -> bool:
            return (await use(client, key)).status_code == 401

        await eventually(is_rejected)
        assert datetime.now(UTC) >= soon

    @pytest.mark.parametrize("change", ["is_active = false", "deleted_at = now()"])
    async def test_key_of_a_deleted_account_is_invalid(
        self, client: AsyncClient, as_user: As, user: User, database: Database, change: str
    ) -> None:
        key = (await make_key(await as_user(user)))["key"]
        await database(f"UPDATE users SET {change}")

        assert_problem(await use(client, key), 401, "invalid_token")

    async def test_forged_keys_are_rejected(
        self, client: AsyncClient, as_user: As, user: User
    ) -> None:
        key = (await make_key(await as_user(user)))["key"]
        _, prefix, secret = key.split("_", 2)
        other = (await make_key(await as_user(user)))["key"].split("_", 2)[2]
        forged = ["rk_", "rk__", f"rk_{prefix}_", f"rk_{prefix}", f"rk_{prefix}_{other}"]
        forged += [f"rk_{secret}_{secret}", f"RK_{prefix}_{secret}", f"{key}x", f" {key[:-1]}"]

        for text in [*forged, f"rk_{'%' * 12}_{secret}", "\u00e4"]:
            response = await client.get(ITEMS, headers={b"X-API-Key": text.encode("latin-1")})
            assert_problem(response, 401, "invalid_token")

    async def test_use_is_recorded_at_most_once_a_minute(
        self, app: FastAPI, client: AsyncClient, as_user: As, user: User, database: Database
    ) -> None:
        key = (await make_key(await as_user(user)))["key"]
        noted = []
        for age in ("0 seconds", "59 seconds", "61 seconds"):
            await database(f"UPDATE api_keys SET last_used_at = last_used_at - interval '{age}'")
            before = await database("SELECT last_used_at FROM api_keys")
            resources_of(app)[SecurityResources].principals.clear()
            await use(client, key)
            noted.append(await database("SELECT last_used_at FROM api_keys") != before)

        assert noted == [True, False, True]


class TestListApiKeys:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        assert_problem(await client.get(KEYS), 401, "unauthenticated")

    async def test_lists_only_own_live_keys(
        self, as_user: As, user: User, other_user: User
    ) -> None:
        signed_in = await as_user(user)
        await make_key(await as_user(other_user))
        kept, revoked = await make_key(signed_in), await make_key(signed_in)
        await signed_in.delete(f"{KEYS}/{revoked['id']}")

        listed = (await signed_in.get(KEYS)).json()["items"]

        assert [key["id"] for key in listed] == [kept["id"]]


class TestRevokeApiKey:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        assert_problem(await client.delete(f"{KEYS}/{uuid.uuid4()}"), 401, "unauthenticated")

    async def test_key_is_invalid_at_once(
        self, client: AsyncClient, as_user: As, user: User
    ) -> None:
        signed_in = await as_user(user)
        created = await make_key(signed_in)
        assert (await use(client, created["key"])).status_code == 200

        response = await signed_in.delete(f"{KEYS}/{created['id']}")

        assert (response.status_code, response.content) == (204, b"")
        assert_problem(await use(client, created["key"]), 401, "invalid_token")

    async def test_session_with_few_scopes_ends_no_mightier_key(
        self, client: AsyncClient, as_user: As, user: User
    ) -> None:
        created = await make_key(await as_user(user))
        narrow = await as_user(user, scopes=("posts:read",))

        response = await narrow.delete(f"{KEYS}/{created['id']}")

        assert_problem(response, 403, "insufficient_scope")
        assert (await use(client, created["key"])).status_code == 200

    async def test_key_of_another_user_is_not_found(
        self, client: AsyncClient, as_user: As, user: User, admin: User
    ) -> None:
        created = await make_key(await as_user(user))

        response = await (await as_user(admin)).delete(f"{KEYS}/{created['id']}")

        assert_problem(response, 404, "not_found")
        assert (await use(client, created["key"])).status_code == 200

    async def test_revoked_key_is_not_found(self, as_user: As, user: User) -> None:
        signed_in = await as_user(user)
        path = f"{KEYS}/{(await make_key(signed_in))['id']}"
        await signed_in.delete(path)

        assert_problem(await signed_in.delete(path), 404, "not_found")
        assert_problem(await signed_in.post(f"{path}/rotate"), 404, "not_found")


class TestRotateApiKey:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.post(f"{KEYS}/{uuid.uuid4()}/rotate")

        assert_problem(response, 401, "unauthenticated")

    async def test_new_key_replaces_the_old_one_at_once(
        self, client: AsyncClient, as_user: As, user: User
    ) -> None:
        signed_in = await as_user(user)
        old = await make_key(signed_in)
        assert (await use(client, old["key"])).status_code == 200

        new = (await signed_in.post(f"{KEYS}/{old['id']}/rotate")).json()

        assert (new["id"], new["scopes"]) == (old["id"], old["scopes"])
        assert_problem(await use(client, old["key"]), 401, "invalid_token")
        assert (await use(client, new["key"])).status_code == 200

    async def test_request_with_the_old_key_that_is_in_progress_changes_no_credential(
        self, app: FastAPI, as_user: As, user: User
    ) -> None:
        signed_in = await as_user(user)
        old = await make_key(signed_in)
        fields = [(b"x-api-key", old["key"].encode())]
        scope = {"type": "http", "app": app, "headers": fields, "query_string": b""}
        caller = await authenticate(HTTPConnection(scope))

        await signed_in.post(f"{KEYS}/{old['id']}/rotate")

        async with units_of_work(app).begin() as uow:
            with pytest.raises(InvalidToken):
                await credentials.lock_live(uow, caller)

    async def test_key_of_another_user_is_not_found(
        self, as_user: As, user: User, admin: User
    ) -> None:
        created = await make_key(await as_user(user))

        response = await (await as_user(admin)).post(f"{KEYS}/{created['id']}/rotate")

        assert_problem(response, 404, "not_found")

    async def test_rotation_needs_the_scopes_of_the_key(
        self, client: AsyncClient, as_user: As, admin: User
    ) -> None:
        strong = await make_key(await as_user(admin), list(SCOPES))
        narrow = await as_user(admin, scopes=("items:read",))

        response = await narrow.post(f"{KEYS}/{strong['id']}/rotate")

        assert_problem(response, 403, "insufficient_scope")
        assert (await use(client, strong["key"])).status_code == 200

    async def test_rotation_extends_neither_scopes_nor_lifetime(
        self, as_user: As, user: User
    ) -> None:
        signed_in = await as_user(user)
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        old = await make_key(signed_in, expires_at=tomorrow)

        new = (await signed_in.post(f"{KEYS}/{old['id']}/rotate")).json()

        kept = ("id", "scopes", "created_at", "expires_at")
        assert [new[name] for name in kept] == [old[name] for name in kept]

    async def test_key_does_not_rotate_itself(
        self, client: AsyncClient, as_user: As, user: User
    ) -> None:
        old = await make_key(await as_user(user))

        response = await client.post(f"{KEYS}/{old['id']}/rotate", headers=bearer(old["key"]))

        assert_problem(response, 403, "session_required")
        assert (await use(client, old["key"])).status_code == 200


def lifetime_of(created: dict[str, Any]) -> timedelta:
    return datetime.fromisoformat(created["expires_at"]) - datetime.now(UTC)


async def until_waiting_for_lock(app: FastAPI) -> None:
    """Wait until a statement of another connection waits for a row of ours."""
    waiting = (
        "SELECT 1 FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )

    async def is_waiting() -> bool:
        async with units_of_work(app).begin() as uow:
            return bool(await uow.session.scalar(sql(waiting)))

    await eventually(is_waiting)
