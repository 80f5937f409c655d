"""Registration, sign-in and sign-out."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from sqlalchemy import text

from app.config.settings import Settings
from app.features.auth.models.mailed_token import Purpose
from app.features.background_jobs.worker import Worker
from app.features.users.crud import sessions, users
from app.features.users.lifespan import UserResources
from app.features.users.models.user import User
from app.features.users.passwords import MAX_LENGTH, PasswordHasher
from app.security.authentication import FRESH_SECONDS
from app.security.principals import Role
from tests.conftest import As, Database, Running, Save, access_token, new_client
from tests.factories import PASSWORD, item_body, make_user
from tests.features.conftest import (
    AUTH,
    ME,
    NEW_PASSWORD,
    LinkToken,
    MailedToken,
    address,
    bearer,
    is_signed_in,
    links,
    refresh,
    sign_in,
    statements,
    tokens,
)
from tests.forged_tokens import from_base64url
from tests.polling import eventually
from tests.problems import assert_problem, broken
from tests.scopes import PERMISSIONS
from tests.state import replaced, resources_of, units_of_work

ALL_SCOPES = {role: " ".join(sorted(PERMISSIONS.of(role))) for role in Role}


@pytest.fixture
def production_hasher(app: FastAPI) -> Iterator[None]:
    hasher = PasswordHasher()
    with replaced(app, UserResources, passwords=hasher):
        yield
    hasher.close()


def claims_of(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, payload, _ = token.split(".")
    return json.loads(from_base64url(header)), json.loads(from_base64url(payload))


class TestCreateToken:
    @pytest.mark.parametrize(
        "spelled",
        [
            "grace@example.com",
            "grace",
            "GRACE@Example.COM",
            "Grace",
            "\uff27\uff52\uff41\uff43\uff45",
            " grace ",
        ],
    )
    async def test_login_is_the_address_or_the_name_in_any_spelling(
        self, client: AsyncClient, save: Save, spelled: str
    ) -> None:
        await save(make_user(email="Grace@example.com", username="Grace"))

        response = await sign_in(client, spelled)

        assert response.status_code == 200

    async def test_response_follows_rfc_6749(self, client: AsyncClient, user: User) -> None:
        response = await sign_in(client, user.email)

        pair = response.json()
        assert pair.keys() == {
            "access_token",
            "token_type",
            "expires_in",
            "refresh_token",
            "scope",
        }
        assert (pair["token_type"], pair["expires_in"]) == ("bearer", 900)
        assert pair["scope"] == ALL_SCOPES[Role.USER]
        assert response.headers["Cache-Control"] == "no-store"

    async def test_access_token_has_subject_and_scopes(
        self, client: AsyncClient, user: User, settings: Settings
    ) -> None:
        header, claims = claims_of((await tokens(client, user.email))["access_token"])

        assert header.keys() == {"alg", "kid", "typ"}
        assert (header["alg"], header["typ"]) == ("HS256", "at+jwt")
        assert claims.keys() == {"iss", "aud", "sub", "exp", "iat", "jti", "sid", "scope"}
        assert (claims["iss"], claims["aud"]) == (settings.public_url, settings.project_name)
        assert (claims["sub"], claims["scope"]) == (str(user.id), ALL_SCOPES[Role.USER])
        assert claims["exp"] - claims["iat"] == 900
        assert abs(claims["iat"] - time.time()) < 5

    @pytest.mark.parametrize(
        "case",
        ["unknown", "wrong", "disabled", "deleted", "too long", "NUL", "long name", "odd name"],
    )
    async def test_every_rejection_is_the_same(
        self, client: AsyncClient, save: Save, database: Database, case: str
    ) -> None:
        user = await save(make_user(is_active=case != "disabled"))
        if case == "deleted":
            await database("UPDATE users SET deleted_at = now()")
        logins = {"unknown": "nobody", "long name": "x" * 10_000, "odd name": "a\0b"}
        passwords = {"wrong": "wrong", "too long": "x" * (MAX_LENGTH + 1), "NUL": "a\0b"}

        response = await sign_in(
            client, logins.get(case, user.email), passwords.get(case, PASSWORD)
        )

        body = assert_problem(response, 401, "invalid_credentials")
        assert body["detail"] == "The user name or the password is wrong."
        assert body["error"] == "invalid_grant"
        assert response.headers["WWW-Authenticate"] == 'OAuth2-Grant error="invalid_grant"'

    async def test_longest_password_works(
        self, client: AsyncClient, app: FastAPI, save: Save
    ) -> None:
        password = "\U0001f511" * MAX_LENGTH
        user = await save(
            make_user(password_hash=await resources_of(app)[UserResources].passwords.hash(password))
        )

        response = await sign_in(client, user.email, password)

        assert response.status_code == 200

    @pytest.mark.parametrize(
        ("role", "wanted", "granted"),
        [
            (Role.USER, "items:read", "items:read"),
            (Role.USER, "items:write admin", "items:write"),
            (Role.GUEST, "items:write items:read", "items:read"),
            (Role.ADMIN, "admin items:read admin", "admin items:read"),
            (Role.USER, "", ALL_SCOPES[Role.USER]),
            (Role.GUEST, " ", ALL_SCOPES[Role.GUEST]),
            (Role.ADMIN, "", ALL_SCOPES[Role.ADMIN]),
        ],
    )
    async def test_scopes_are_limited_to_the_role(
        self, client: AsyncClient, save: Save, role: Role, wanted: str, granted: str
    ) -> None:
        user = await save(make_user(role=role))

        pair = await tokens(client, user.email, scope=wanted)

        again = (await refresh(client, pair["refresh_token"])).json()
        assert (pair["scope"], again["scope"]) == (granted, granted)
        assert claims_of(again["access_token"])[1]["scope"] == granted

    async def test_other_grant_is_rejected(self, client: AsyncClient, user: User) -> None:
        response = await sign_in(client, user.email, grant_type="client_credentials")

        assert_problem(response, 400, "unsupported_grant_type")

    async def test_body_has_to_be_a_form(self, client: AsyncClient, user: User) -> None:
        body = {"username": user.email, "password": PASSWORD}

        response = await client.post(f"{AUTH}/token", json=body)

        assert_problem(response, 415, "unsupported_media_type")

    async def test_sign_in_is_recorded_and_does_not_change_the_version(
        self, client: AsyncClient, user: User, database: Database
    ) -> None:
        await tokens(client, user.email)

        (row,) = await database("SELECT last_login_at, updated_at, version FROM users")
        assert row["last_login_at"] > user.created_at
        assert (row["updated_at"], row["version"]) == (user.updated_at, 1)

    @pytest.mark.usefixtures("production_hasher")
    async def test_dated_hash_is_renewed(
        self, client: AsyncClient, user: User, database: Database
    ) -> None:
        await tokens(client, user.email)

        (row,) = await database("SELECT password_hash FROM users")
        assert row["password_hash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert (await sign_in(client, user.email)).status_code == 200

    async def test_hundred_concurrent_sign_ins_succeed(
        self, client: AsyncClient, user: User
    ) -> None:
        responses = await asyncio.gather(*(sign_in(client, user.email) for _ in range(100)))

        assert {response.status_code for response in responses} == {200}

    async def test_password_changed_during_verification_is_rejected(
        self, client: AsyncClient, app: FastAPI, user: User, database: Database
    ) -> None:
        new_hash = await resources_of(app)[UserResources].passwords.hash(NEW_PASSWORD)
        async with units_of_work(app).begin() as counting:
            # The sign-in has read the account when it waits to be counted.
            await counting.session.execute(text("LOCK TABLE throttles IN EXCLUSIVE MODE"))
            attempt = asyncio.create_task(sign_in(client, user.email))
            await eventually(partial(is_waiting_for_a_lock, database))
            async with units_of_work(app).begin() as uow:
                account = await users.get_for_change(uow, user.id)
                await users.set_password(uow, account, new_hash)
                await sessions.end_all(uow, user.id)

        assert_problem(await attempt, 401, "invalid_credentials")


async def is_waiting_for_a_lock(database: Database) -> bool:
    locks = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    return bool(await database(f"{locks} AND datname = current_database()"))


class TestRefreshToken:
    @pytest.mark.parametrize(
        "token",
        ["junk", "rt_", f"rt_{'0' * 32}_0_{'0' * 64}", f"rt_{'0' * 32}_9999999999_{'0' * 64}"],
    )
    async def test_invalid_token_is_rejected(self, client: AsyncClient, token: str) -> None:
        assert_problem(await refresh(client, token), 401, "invalid_token")

    @pytest.mark.parametrize("token", ["", "a\0b", "x" * 4097, 1, None])
    async def test_malformed_body_is_rejected(self, client: AsyncClient, token: Any) -> None:
        response = await client.post(f"{AUTH}/refresh", json={"refresh_token": token})

        assert broken(response).keys() == {"/body/refresh_token"}

    async def test_tokens_are_good_for_their_own_purpose_only(
        self, client: AsyncClient, user: User
    ) -> None:
        pair = await tokens(client, user.email)

        assert not await is_signed_in(client, pair["refresh_token"])
        assert_problem(await refresh(client, pair["access_token"][:200]), 401, "invalid_token")

    async def test_refresh_returns_a_new_pair(self, client: AsyncClient, user: User) -> None:
        old = await tokens(client, user.email)

        new = (await refresh(client, old["refresh_token"])).json()

        assert new.keys() == old.keys()
        assert new["refresh_token"] != old["refresh_token"]
        assert await is_signed_in(client, new["access_token"])
        assert claims_of(new["access_token"])[1]["sid"] == claims_of(old["access_token"])[1]["sid"]

    async def test_fifty_at_once_get_the_same_pair(self, client: AsyncClient, user: User) -> None:
        old = (await tokens(client, user.email))["refresh_token"]

        responses = await asyncio.gather(*(refresh(client, old) for _ in range(50)))

        assert {response.status_code for response in responses} == {200}
        assert len({response.content for response in responses}) == 1
        assert (await refresh(client, responses[0].json()["refresh_token"])).status_code == 200

    async def test_reuse_after_the_grace_ends_the_session(
        self, client: AsyncClient, user: User, database: Database
    ) -> None:
        old = await tokens(client, user.email)
        new = (await refresh(client, old["refresh_token"])).json()
        await database("UPDATE sessions SET rotated_at = now() - interval '11 seconds'")

        response = await refresh(client, old["refresh_token"])

        assert_problem(response, 401, "invalid_token")
        assert not await is_signed_in(client, new["access_token"])
        assert_problem(await refresh(client, new["refresh_token"]), 401, "invalid_token")

    async def test_older_token_is_not_a_legitimate_retry(
        self, client: AsyncClient, user: User
    ) -> None:
        first = await tokens(client, user.email)
        second = (await refresh(client, first["refresh_token"])).json()
        third = (await refresh(client, second["refresh_token"])).json()

        response = await refresh(client, first["refresh_token"])

        assert_problem(response, 401, "invalid_token")
        assert not await is_signed_in(client, third["access_token"])

    async def test_reuse_does_not_affect_other_sessions(
        self, client: AsyncClient, user: User, database: Database
    ) -> None:
        stolen, other = await tokens(client, user.email), await tokens(client, user.email)
        await refresh(client, stolen["refresh_token"])
        await database("UPDATE sessions SET rotated_at = now() - interval '1 minute'")

        await refresh(client, stolen["refresh_token"])

        assert await is_signed_in(client, other["access_token"])

    @pytest.mark.parametrize("limit", ["idle_expires_at", "expires_at", "ended_at"])
    async def test_session_expires(
        self, client: AsyncClient, app: FastAPI, user: User, database: Database, limit: str
    ) -> None:
        pair = await tokens(client, user.email)
        await database(f"UPDATE sessions SET {limit} = now() - interval '1 second'")

        response = await refresh(client, pair["refresh_token"])

        assert_problem(response, 401, "invalid_token")
        assert not await is_signed_in(client, pair["access_token"])

    async def test_use_prolongs_the_idle_lifetime_alone(
        self, client: AsyncClient, user: User, database: Database
    ) -> None:
        pair = await tokens(client, user.email)
        await database(
            "UPDATE sessions SET idle_expires_at = now() + interval '1 minute',"
            " expires_at = now() + interval '1 day'"
        )

        await refresh(client, pair["refresh_token"])

        (row,) = await database(
            "SELECT idle_expires_at - now() > interval '13 days' AS prolonged,"
            " expires_at - now() < interval '1 day' AS bounded FROM sessions"
        )
        assert row == {"prolonged": True, "bounded": True}

    async def test_narrowed_scopes_stay_narrow(self, client: AsyncClient, user: User) -> None:
        pair = await tokens(client, user.email, scope="items:read")

        new = (await refresh(client, pair["refresh_token"])).json()

        assert new["scope"] == "items:read"

    async def test_scopes_follow_the_role(
        self, client: AsyncClient, user: User, database: Database
    ) -> None:
        pair = await tokens(client, user.email)
        await database("UPDATE users SET role = 'guest'")

        new = (await refresh(client, pair["refresh_token"])).json()

        assert new["scope"] == ALL_SCOPES[Role.GUEST]

    async def test_access_token_is_not_accepted_as_refresh_token(
        self, client: AsyncClient, user: User
    ) -> None:
        pair = await tokens(client, user.email)

        assert_problem(await refresh(client, pair["access_token"]), 401, "invalid_token")

    @pytest.mark.parametrize("change", ["is_active = false", "deleted_at = now()"])
    async def test_deleted_account_cannot_refresh(
        self, client: AsyncClient, user: User, database: Database, change: str
    ) -> None:
        pair = await tokens(client, user.email)
        await database(f"UPDATE users SET {change}")

        response = await refresh(client, pair["refresh_token"])

        assert_problem(response, 401, "invalid_token")


class TestLogout:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        assert_problem(await client.post(f"{AUTH}/logout"), 401, "unauthenticated")

    async def test_both_tokens_are_invalid_at_once(self, client: AsyncClient, user: User) -> None:
        pair = await tokens(client, user.email)
        assert await is_signed_in(client, pair["access_token"])

        response = await client.post(f"{AUTH}/logout", headers=bearer(pair["access_token"]))

        assert (response.status_code, response.content) == (204, b"")
        assert not await is_signed_in(client, pair["access_token"])
        assert_problem(await refresh(client, pair["refresh_token"]), 401, "invalid_token")

    async def test_other_sessions_remain_valid(self, client: AsyncClient, user: User) -> None:
        here, there = await tokens(client, user.email), await tokens(client, user.email)

        await client.post(f"{AUTH}/logout", headers=bearer(here["access_token"]))

        assert await is_signed_in(client, there["access_token"])

    async def test_ten_concurrent_logouts_succeed(self, as_user: As, user: User) -> None:
        signed_in = await as_user(user)
        await signed_in.get(ME)

        responses = await asyncio.gather(*(signed_in.post(f"{AUTH}/logout") for _ in range(10)))

        assert {response.status_code for response in responses} <= {204, 401}


class TestSlowBody:
    """A body may arrive over minutes, and its credential end meanwhile."""

    @pytest.mark.parametrize("path", ["/api/v1/items", f"{AUTH}/verify-email/request"])
    async def test_request_fails_if_its_session_has_ended_meanwhile(
        self, as_user: As, user: User, path: str
    ) -> None:
        signed_in = await as_user(user)
        headers = {"Content-Type": "application/json", "Idempotency-Key": "a"}

        async def body() -> AsyncIterator[bytes]:
            yield json.dumps(item_body()).encode()
            await signed_in.post(f"{AUTH}/logout")
            sent = time.monotonic()
            await eventually(lambda: time.monotonic() > sent + FRESH_SECONDS)
            yield b" "

        response = await signed_in.post(path, content=body(), headers=headers)

        assert_problem(response, 401, "invalid_token")


class TestLogoutEverywhere:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        assert_problem(await client.post(f"{AUTH}/logout-all"), 401, "unauthenticated")

    async def test_every_session_of_the_user_ends(
        self, client: AsyncClient, user: User, other_user: User
    ) -> None:
        pairs = [await tokens(client, user.email) for _ in range(3)]
        others = await tokens(client, other_user.email)

        response = await client.post(f"{AUTH}/logout-all", headers=bearer(pairs[0]["access_token"]))

        assert response.status_code == 204
        for pair in pairs:
            assert not await is_signed_in(client, pair["access_token"])
            assert_problem(await refresh(client, pair["refresh_token"]), 401, "invalid_token")
        assert await is_signed_in(client, others["access_token"])

    async def test_session_with_few_scopes_ends_no_other(
        self, client: AsyncClient, as_user: As, user: User
    ) -> None:
        pair = await tokens(client, user.email)
        narrow = await as_user(user, scopes=("items:read",))

        assert_problem(await narrow.post(f"{AUTH}/logout-all"), 403, "insufficient_scope")
        assert await is_signed_in(client, pair["access_token"])
        assert (await narrow.post(f"{AUTH}/logout")).status_code == 204


async def register(client: AsyncClient, **fields: Any) -> Response:
    body = {"email": address(), "username": "grace", "password": PASSWORD} | fields
    return await client.post(f"{AUTH}/register", json=body)


class TestRegisterUser:
    async def test_opens_an_account(self, client: AsyncClient) -> None:
        email = address()

        response = await register(client, email=email, full_name="Grace Hopper")

        assert response.status_code == 201
        assert response.headers["Location"] == f"http://test{ME}"
        assert response.headers["ETag"] == '"1"'
        body = response.json()
        stored = {name: body.pop(name) for name in ("id", "created_at", "updated_at")}
        assert all(stored.values())
        assert body == {
            "email": email,
            "username": "grace",
            "full_name": "Grace Hopper",
            "age": None,
            "address": None,
            "role": "user",
            "is_active": True,
            "email_verified": False,
            "version": 1,
        }

    async def test_mailed_link_confirms_the_address(
        self, client: AsyncClient, mailed_token: MailedToken, database: Database
    ) -> None:
        email = address()
        await register(client, email=email)

        token = await mailed_token(email, "verify-email")
        response = await client.post(f"{AUTH}/verify-email", json={"token": token})

        assert (response.status_code, response.content) == (204, b"")
        assert await database("SELECT email_verified FROM users") == [{"email_verified": True}]

    async def test_mails_to_an_address_are_limited(
        self, client: AsyncClient, database: Database
    ) -> None:
        email = address()

        for number in range(5):
            response = await register(client, email=email, username=f"grace-{number}")
            assert response.status_code == 201
            await database("UPDATE users SET deleted_at = now() WHERE deleted_at IS NULL")

        mails = await database("SELECT count(*) FROM tasks WHERE kind LIKE 'send_%'")
        assert mails == [{"count": 6}]

    async def test_no_mail_leaves_when_the_account_is_rejected(
        self, client: AsyncClient, user: User, database: Database
    ) -> None:
        response = await register(client, username=user.username)

        assert_problem(response, 409, "username_taken")
        assert await database("SELECT * FROM tasks") == []

    @pytest.mark.usefixtures("production_hasher")
    async def test_no_secret_is_stored_in_the_clear(
        self, client: AsyncClient, mailed_token: MailedToken, database: Database
    ) -> None:
        email = address()
        await register(client, email=email)
        token = await mailed_token(email, "verify-email")

        (user,) = await database("SELECT password_hash FROM users")
        stored = await database("SELECT token_hash FROM mailed_tokens")

        assert user["password_hash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert hashlib.sha256(token.encode()).digest() in [row["token_hash"] for row in stored]
        assert token not in str(await database("SELECT tasks::text FROM tasks"))

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"email": "Grace@Example.com"}, "email_taken"),
            ({"email": "grace@ex\uff41mple.com"}, "email_taken"),
            ({"username": "GRACE"}, "username_taken"),
            ({"username": "  grace "}, "username_taken"),
        ],
    )
    async def test_identity_is_unique_in_any_spelling(
        self, client: AsyncClient, save: Save, fields: dict[str, str], code: str
    ) -> None:
        await save(make_user(email="grace@example.com", username="grace"))

        response = await register(client, **({"username": "other"} | fields))

        assert_problem(response, 409, code)

    async def test_one_of_twenty_concurrent_registrations_succeeds(
        self, client: AsyncClient
    ) -> None:
        spelled = ["grace", "GRACE", "Grace", " grace"] * 5

        responses = await asyncio.gather(
            *(register(client, username=username) for username in spelled)
        )

        statuses = [response.status_code for response in responses]
        assert (statuses.count(201), statuses.count(409)) == (1, 19)

    @pytest.mark.parametrize(
        ("password", "code"),
        [
            ("x" * 11, "too_short"),
            ("x" * 129, "too_long"),
            ("password1234", "password_common"),
            ("aaaaaaaaaaaa", "password_common"),
            ("Hopper@Example.com", "password_is_identity"),
            ("GRACE-MURRAY-HOPPER", "password_is_identity"),
            ("\ud800" * 12, "text_unstorable"),
        ],
    )
    async def test_weak_password_is_rejected_and_not_repeated(
        self, client: AsyncClient, password: str, code: str
    ) -> None:
        fields = {"email": "hopper@example.com", "username": "grace-murray-hopper"}
        body = json.dumps({**fields, "password": password})

        response = await client.post(
            f"{AUTH}/register", content=body, headers={"Content-Type": "application/json"}
        )

        assert broken(response) == {"/body/password": code}
        assert password not in response.text

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            *[("email", text) for text in ("", "grace", "grace@localhost", "a@b@example.com")],
            *[("email", f"grace{odd}@example.com") for odd in ("\n", "\0", "\ud800", "\uff47")],
            ("email", f"{'a' * 250}@example.com"),
            *[("username", text) for text in ("", "ab", "x" * 51, "a b c", "a@b.c", "abc\0")],
            *[("full_name", text) for text in ("", " ", "x" * 101, "a\0", "\ud800")],
            *[(name, value) for name in ("email", "username", "password") for value in (None, 7)],
            *[
                ("role", "admin"),
                ("is_active", False),
                ("id", "0f8fad5b-d9cb-469f-a165-70867728950e"),
            ],
            *[("email_verified", True), ("password_hash", "x"), ("version", 7)],
        ],
    )
    async def test_invalid_field_is_named(
        self, client: AsyncClient, field: str, value: object
    ) -> None:
        body = {"email": address(), "username": "grace", "password": PASSWORD, field: value}
        as_json = {"Content-Type": "application/json"}

        response = await client.post(f"{AUTH}/register", content=json.dumps(body), headers=as_json)

        assert broken(response).keys() == {f"/body/{field}"}

    async def test_concurrent_registrations_do_not_block_one_another(
        self, client: AsyncClient
    ) -> None:
        bodies = [
            {"email": address(), "username": f"user-{n}", "password": PASSWORD} for n in range(30)
        ]

        responses = await asyncio.gather(
            *(
                client.post(f"{AUTH}/register", json=body, headers={"Idempotency-Key": f"k-{n}"})
                for n, body in enumerate(bodies)
            )
        )

        assert {response.status_code for response in responses} == {201}

    async def test_registrations_of_an_address_are_limited(self, running: Running) -> None:
        async with running(attempts_per_address=3) as app, new_client(app) as client:
            responses = [await register(client, username=f"user-{n}") for n in range(4)]

        assert [response.status_code for response in responses] == [201, 201, 201, 429]
        assert 1 <= int(responses[-1].headers["Retry-After"]) <= 900


class TestRequestVerification:
    PATH = f"{AUTH}/verify-email/request"

    async def test_needs_a_token(self, client: AsyncClient) -> None:
        assert_problem(await client.post(self.PATH), 401, "unauthenticated")

    async def test_link_is_mailed_again(
        self, as_user: As, save: Save, mailed_token: MailedToken
    ) -> None:
        user = await save(make_user(email=address(), email_verified=False))

        response = await (await as_user(user)).post(self.PATH)

        assert (response.status_code, response.content) == (202, b"")
        assert await mailed_token(user.email, "verify-email")

    async def test_newer_link_replaces_the_older(
        self, client: AsyncClient, user: User, link_token: LinkToken
    ) -> None:
        older = await link_token(user, Purpose.VERIFY_EMAIL)
        await link_token(user, Purpose.VERIFY_EMAIL)

        response = await client.post(f"{AUTH}/verify-email", json={"token": older})

        assert_problem(response, 400, "invalid_mailed_token")

    async def test_mailbox_is_not_flooded(
        self, as_user: As, save: Save, database: Database
    ) -> None:
        signed_in = await as_user(await save(make_user(email=address(), email_verified=False)))

        responses = [await signed_in.post(self.PATH) for _ in range(5)]

        assert {response.status_code for response in responses} == {202}
        assert await database("SELECT count(*) FROM tasks") == [{"count": 3}]

    async def test_account_causes_a_bounded_number_of_mails(
        self, app: FastAPI, running: Running, save: Save
    ) -> None:
        user = await save(make_user(email=address(), email_verified=False))
        token = await access_token(app, user)
        async with running(mails_per_account=2) as few, new_client(few) as client:
            responses = [await client.post(self.PATH, headers=bearer(token)) for _ in range(3)]

        assert [response.status_code for response in responses] == [202, 202, 429]
        assert_problem(responses[-1], 429, "too_many_attempts")


class TestVerifyEmail:
    async def verify(self, client: AsyncClient, token: str) -> Response:
        return await client.post(f"{AUTH}/verify-email", json={"token": token})

    async def test_each_link_works_once(
        self, client: AsyncClient, user: User, link_token: LinkToken
    ) -> None:
        token = await link_token(user, Purpose.VERIFY_EMAIL)

        responses = await asyncio.gather(*(self.verify(client, token) for _ in range(10)))

        statuses = [response.status_code for response in responses]
        assert (statuses.count(204), statuses.count(400)) == (1, 9)

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE mailed_tokens SET expires_at = now()",
            "UPDATE users SET email_canonical = 'another@example.com'",
            "UPDATE users SET deleted_at = now()",
            "UPDATE users SET is_active = false",
        ],
    )
    async def test_used_or_expired_link_is_rejected(
        self,
        client: AsyncClient,
        save: Save,
        link_token: LinkToken,
        database: Database,
        change: str,
    ) -> None:
        user = await save(make_user(email_verified=False))
        token = await link_token(user, Purpose.VERIFY_EMAIL)
        await database(change)

        response = await self.verify(client, token)

        assert_problem(response, 400, "invalid_mailed_token")
        assert await database("SELECT email_verified FROM users") == [{"email_verified": False}]

    async def test_link_of_another_purpose_is_rejected(
        self, client: AsyncClient, user: User, link_token: LinkToken
    ) -> None:
        token = await link_token(user, Purpose.RESET_PASSWORD)

        assert_problem(await self.verify(client, token), 400, "invalid_mailed_token")

    async def test_fifty_concurrent_requests_do_not_block_one_another(
        self, client: AsyncClient
    ) -> None:
        responses = await asyncio.gather(*(self.verify(client, f"x{n}") for n in range(50)))

        assert {response.status_code for response in responses} == {400}

    @pytest.mark.parametrize("token", ["", "x" * 101, "a\0b", "\ud800", None, 7])
    async def test_malformed_token_is_rejected(self, client: AsyncClient, token: object) -> None:
        response = await client.post(
            f"{AUTH}/verify-email",
            content=json.dumps({"token": token}),
            headers={"Content-Type": "application/json"},
        )

        assert broken(response).keys() == {"/body/token"}


class TestForgotPassword:
    async def forget(self, client: AsyncClient, email: str) -> Response:
        return await client.post(f"{AUTH}/forgot-password", json={"email": email})

    async def test_link_is_mailed_to_the_stored_address(
        self, client: AsyncClient, save: Save, mailed_token: MailedToken
    ) -> None:
        user = await save(make_user(email=address()))

        response = await self.forget(client, user.email.upper())

        assert (response.status_code, response.content) == (202, b"")
        assert await mailed_token(user.email, "reset-password")

    async def test_unknown_address_takes_the_same_statements_to_the_same_answer(
        self, app: FastAPI, client: AsyncClient, save: Save
    ) -> None:
        known, unknown = (await save(make_user(email=address()))).email, address()

        responses = {}
        for email in (known, unknown):
            with statements(app) as sent:
                responses[email] = (await self.forget(client, email)).status_code, list(sent)

        assert responses[known] == responses[unknown]
        assert responses[known][0] == 202

    @pytest.mark.parametrize("change", ["is_active = false", "deleted_at = now()"])
    async def test_deleted_account_gets_no_mail(
        self,
        client: AsyncClient,
        app: FastAPI,
        save: Save,
        database: Database,
        settings: Settings,
        change: str,
    ) -> None:
        user = await save(make_user(email=address()))
        await database(f"UPDATE users SET {change}")

        response = await self.forget(client, user.email)

        assert response.status_code == 202
        await resources_of(app)[Worker].drain()
        assert links(settings, user.email, "reset-password") == []

    async def test_mails_requested_by_others_do_not_prevent_a_reset(
        self, client: AsyncClient, as_user: As, save: Save, mailed_token: MailedToken
    ) -> None:
        user = await save(make_user(email=address()))
        attacker = await as_user(await save(make_user(email=address())))
        for _ in range(5):
            body = {"email": user.email, "current_password": PASSWORD}
            assert (await attacker.put(f"{ME}/email", json=body)).status_code == 202

        await self.forget(client, user.email)

        assert await mailed_token(user.email, "reset-password")

    @pytest.mark.parametrize("email", ["", "nobody", None])
    async def test_malformed_address_is_rejected(self, client: AsyncClient, email: str) -> None:
        assert broken(await self.forget(client, email)).keys() == {"/body/email"}


class TestResetPassword:
    async def reset(
        self, client: AsyncClient, token: str, password: str = NEW_PASSWORD
    ) -> Response:
        body = {"token": token, "new_password": password}
        return await client.post(f"{AUTH}/reset-password", json=body)

    async def test_new_password_replaces_the_old_one(
        self, client: AsyncClient, user: User, link_token: LinkToken
    ) -> None:
        token = await link_token(user, Purpose.RESET_PASSWORD)

        response = await self.reset(client, token)

        assert (response.status_code, response.content) == (204, b"")
        assert (await sign_in(client, user.email, NEW_PASSWORD)).status_code == 200
        assert_problem(await sign_in(client, user.email), 401, "invalid_credentials")

    async def test_every_session_ends(
        self, client: AsyncClient, user: User, link_token: LinkToken
    ) -> None:
        pair = await tokens(client, user.email)
        assert await is_signed_in(client, pair["access_token"])

        await self.reset(client, await link_token(user, Purpose.RESET_PASSWORD))

        assert not await is_signed_in(client, pair["access_token"])
        assert_problem(await refresh(client, pair["refresh_token"]), 401, "invalid_token")

    async def test_mailbox_counts_as_proven(
        self, client: AsyncClient, save: Save, link_token: LinkToken, database: Database
    ) -> None:
        user = await save(make_user(email_verified=False))
        await self.reset(client, await link_token(user, Purpose.RESET_PASSWORD))

        assert await database("SELECT email_verified FROM users") == [{"email_verified": True}]

    async def test_each_link_works_once(
        self, client: AsyncClient, user: User, link_token: LinkToken
    ) -> None:
        token = await link_token(user, Purpose.RESET_PASSWORD)

        responses = await asyncio.gather(*(self.reset(client, token) for _ in range(10)))

        statuses = [response.status_code for response in responses]
        assert (statuses.count(204), statuses.count(400)) == (1, 9)

    async def test_weak_password_is_rejected_and_leaves_the_link_alone(
        self, client: AsyncClient, user: User, link_token: LinkToken
    ) -> None:
        token = await link_token(user, Purpose.RESET_PASSWORD)

        response = await self.reset(client, token, "password1234")

        assert broken(response) == {"/body/new_password": "password_common"}
        assert (await self.reset(client, token)).status_code == 204

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE mailed_tokens SET expires_at = now()",
            "UPDATE users SET email_canonical = 'another@example.com'",
            "UPDATE users SET deleted_at = now()",
            "UPDATE users SET is_active = false",
        ],
    )
    async def test_used_or_expired_link_is_rejected(
        self,
        client: AsyncClient,
        user: User,
        link_token: LinkToken,
        database: Database,
        change: str,
    ) -> None:
        token = await link_token(user, Purpose.RESET_PASSWORD)
        await database(change)

        assert_problem(await self.reset(client, token), 400, "invalid_mailed_token")

    async def test_link_lives_for_an_hour(
        self, user: User, link_token: LinkToken, database: Database
    ) -> None:
        await link_token(user, Purpose.RESET_PASSWORD)

        (row,) = await database("SELECT expires_at - now() AS lifetime FROM mailed_tokens")

        assert timedelta(minutes=59) < row["lifetime"] <= timedelta(hours=1)

    async def test_link_of_another_purpose_is_rejected(
        self, client: AsyncClient, user: User, link_token: LinkToken
    ) -> None:
        token = await link_token(user, Purpose.VERIFY_EMAIL)

        assert_problem(await self.reset(client, token), 400, "invalid_mailed_token")

    async def test_locked_out_owner_can_sign_in_after_a_reset(
        self, client: AsyncClient, user: User, link_token: LinkToken
    ) -> None:
        for _ in range(11):
            locked = await sign_in(client, user.email, "wrong")
        assert_problem(locked, 429, "too_many_attempts")

        await self.reset(client, await link_token(user, Purpose.RESET_PASSWORD))

        assert (await sign_in(client, user.email, NEW_PASSWORD)).status_code == 200

    async def test_tokens_tried_by_an_address_are_limited(
        self, running: Running, user: User, link_token: LinkToken
    ) -> None:
        token = await link_token(user, Purpose.RESET_PASSWORD)
        async with running(attempts_per_address=3) as app, new_client(app) as client:
            responses = [await self.reset(client, "wrong") for _ in range(4)]
            right = await self.reset(client, token)

        assert [response.status_code for response in responses] == [400, 400, 400, 429]
        assert right.status_code == 204
