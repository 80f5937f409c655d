"""Users over HTTP."""

import asyncio
import json
import uuid
from typing import Any

import pytest
from httpx2 import AsyncClient, Response

from app.features.users.models.user import User
from app.security.principals import Role
from tests.conftest import As, Database, Save
from tests.factories import PASSWORD, make_item, make_user
from tests.features.conftest import (
    AUTH,
    ME,
    NEW_PASSWORD,
    bearer,
    is_signed_in,
    refresh,
    sign_in,
    tokens,
)
from tests.problems import assert_problem, broken

USERS = "/api/v1/users"
ADDRESS = {"street": "1 Main St", "city": "London", "country": "GB", "postal_code": "SW1Y 4JH"}
READ = {
    "id", "email", "username", "full_name", "age", "address", "role", "is_active",
    "email_verified", "created_at", "updated_at", "version",
}  # fmt: skip


async def patch(client: AsyncClient, path: str, body: object, **headers: str) -> Response:
    """Sends JSON that Python can write and httpx would not, such as lone surrogates."""
    as_json = {"Content-Type": "application/json"} | headers
    return await client.patch(path, content=json.dumps(body), headers=as_json)


async def delete_account(client: AsyncClient, password: str = PASSWORD, **headers: str) -> Response:
    body = {"current_password": password}
    return await client.request("DELETE", ME, json=body, headers=headers)


class TestReadProfile:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        assert_problem(await client.get(ME), 401, "unauthenticated")

    async def test_response_has_exactly_the_documented_fields(
        self, as_user: As, user: User
    ) -> None:
        response = await (await as_user(user)).get(ME)

        assert response.status_code == 200
        assert response.json().keys() == READ
        assert response.json()["id"] == str(user.id)
        assert response.headers["ETag"] == '"1"'
        assert {"Authorization", "X-API-Key"} <= set(response.headers["Vary"].split(", "))

    async def test_current_copy_is_not_sent_again(self, as_user: As, user: User) -> None:
        response = await (await as_user(user)).get(ME, headers={"If-None-Match": '"1"'})

        assert (response.status_code, response.content) == (304, b"")


class TestUpdateProfile:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        assert_problem(await client.patch(ME, json={}), 401, "unauthenticated")

    async def test_changes_the_given_fields(self, as_user: As, user: User) -> None:
        changes = {"full_name": "Grace", "age": 45, "address": ADDRESS}

        response = await patch(await as_user(user), ME, changes)

        body = response.json()
        assert {name: body[name] for name in changes} == changes
        assert (body["email"], body["version"]) == (user.email, 2)
        assert body["updated_at"] > body["created_at"]

    async def test_null_clears_a_field_and_absence_keeps_it(self, as_user: As, save: Save) -> None:
        user = await save(make_user(full_name="Grace", age=45, address=ADDRESS))

        body = (await patch(await as_user(user), ME, {"age": None, "address": None})).json()

        assert (body["full_name"], body["age"], body["address"]) == ("Grace", None, None)

    async def test_empty_update_changes_nothing(self, as_user: As, user: User) -> None:
        body = (await patch(await as_user(user), ME, {})).json()

        assert body["version"] == 1

    async def test_address_is_replaced_as_a_whole(self, as_user: As, save: Save) -> None:
        signed_in = await as_user(await save(make_user(address=ADDRESS)))

        part = await patch(signed_in, ME, {"address": {"city": "Paris"}})
        whole = await patch(signed_in, ME, {"address": ADDRESS | {"city": "Paris"}})

        assert set(broken(part).values()) == {"missing"}
        assert whole.json()["address"] == ADDRESS | {"city": "Paris"}

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            *[("email", value) for value in (None, "grace", "grace@example.com")],
            *[("username", value) for value in (None, "", "ab", "a b c", "x" * 51, "ab\ud800")],
            *[("full_name", value) for value in ("", " ", "x" * 101, 7, "a\0", "\ud800")],
            *[("age", value) for value in (-1, 151, "45", 4.5, True, 2**63)],
            *[
                ("role", "admin"),
                ("is_active", False),
                ("id", "0f8fad5b-d9cb-469f-a165-70867728950e"),
            ],
            *[("email_verified", True), ("password", PASSWORD), ("version", 7)],
            *[("password_hash", "x"), ("deleted_at", None), ("created_at", None)],
            *[("address", "London"), ("address", 7), ("address", [])],
        ],
    )
    async def test_invalid_field_is_named(
        self, as_user: As, user: User, field: str, value: object
    ) -> None:
        response = await patch(await as_user(user), ME, {field: value})

        assert broken(response).keys() == {f"/body/{field}"}

    @pytest.mark.parametrize(
        ("part", "value"),
        [("city", ""), ("city", "a\0"), ("country", "x"), ("street", None), ("planet", "Earth")],
    )
    async def test_invalid_part_of_an_address_is_named(
        self, as_user: As, user: User, part: str, value: object
    ) -> None:
        response = await patch(await as_user(user), ME, {"address": ADDRESS | {part: value}})

        assert broken(response).keys() == {f"/body/address/{part}"}

    async def test_username_of_another_user_is_rejected(
        self, as_user: As, user: User, other_user: User
    ) -> None:
        response = await patch(await as_user(user), ME, {"username": other_user.username.upper()})

        assert_problem(response, 409, "username_taken")

    async def test_one_of_ten_concurrent_renames_succeeds(
        self, client: AsyncClient, as_user: As, save: Save
    ) -> None:
        all_users = [await as_user(await save(make_user())) for _ in range(10)]
        signed_in = [{"Authorization": client.headers["Authorization"]} for client in all_users]

        responses = await asyncio.gather(
            *(patch(client, ME, {"username": "grace"}, **headers) for headers in signed_in)
        )

        statuses = [response.status_code for response in responses]
        assert (statuses.count(200), statuses.count(409)) == (1, 9)

    async def test_new_username_signs_in(
        self, client: AsyncClient, as_user: As, user: User
    ) -> None:
        old = user.username
        await patch(await as_user(user), ME, {"username": "Newer"})

        statuses = [(await sign_in(client, login)).status_code for login in ("newer", old)]

        assert statuses == [200, 401]

    async def test_stale_version_is_rejected(self, as_user: As, user: User) -> None:
        signed_in = await as_user(user)
        await patch(signed_in, ME, {"age": 45})

        response = await patch(signed_in, ME, {"age": 46}, **{"If-Match": '"1"'})

        assert_problem(response, 412, "precondition_failed")


class TestChangePassword:
    async def change(
        self, client: AsyncClient, current: str = PASSWORD, new: str = NEW_PASSWORD, **headers: str
    ) -> Response:
        body = {"current_password": current, "new_password": new}
        return await client.put(f"{ME}/password", json=body, headers=headers)

    async def test_needs_a_token(self, client: AsyncClient) -> None:
        assert_problem(await self.change(client), 401, "unauthenticated")

    async def test_new_password_replaces_the_old_one(
        self, client: AsyncClient, as_user: As, user: User
    ) -> None:
        response = await self.change(await as_user(user))

        assert (response.status_code, response.content) == (204, b"")
        assert (await sign_in(client, user.email, NEW_PASSWORD)).status_code == 200
        assert_problem(await sign_in(client, user.email), 401, "invalid_credentials")

    async def test_other_sessions_end_and_the_current_one_remains(
        self, client: AsyncClient, user: User
    ) -> None:
        here, there = await tokens(client, user.email), await tokens(client, user.email)
        assert await is_signed_in(client, there["access_token"])

        await self.change(client, **bearer(here["access_token"]))

        assert await is_signed_in(client, here["access_token"])
        assert (await refresh(client, here["refresh_token"])).status_code == 200
        assert not await is_signed_in(client, there["access_token"])
        assert_problem(await refresh(client, there["refresh_token"]), 401, "invalid_token")

    async def test_wrong_current_password_is_named(self, as_user: As, user: User) -> None:
        response = await self.change(await as_user(user), current="wrong")

        assert broken(response) == {"/body/current_password": "wrong_password"}

    @pytest.mark.parametrize(
        ("password", "code"),
        [("x" * 11, "too_short"), ("x" * 129, "too_long"), ("password1234", "password_common")],
    )
    async def test_weak_password_is_rejected(
        self, as_user: As, user: User, password: str, code: str
    ) -> None:
        response = await self.change(await as_user(user), new=password)

        assert broken(response) == {"/body/new_password": code}
        assert "items" not in response.text

    async def test_current_password_can_be_guessed_ten_times(self, as_user: As, user: User) -> None:
        signed_in = await as_user(user)

        responses = [await self.change(signed_in, current="wrong") for _ in range(11)]

        assert [response.status_code for response in responses] == [422] * 10 + [429]
        assert (await signed_in.get(ME)).status_code == 200

    async def test_wrong_passwords_of_others_do_not_prevent_the_change(
        self, client: AsyncClient, as_user: As, user: User
    ) -> None:
        signed_in = await as_user(user)
        for _ in range(11):
            locked = await sign_in(client, user.email, "wrong")
        assert locked.status_code == 429

        assert (await self.change(signed_in)).status_code == 204

    async def test_one_of_ten_concurrent_changes_succeeds(
        self, client: AsyncClient, as_user: As, user: User
    ) -> None:
        headers = {"Authorization": (await as_user(user)).headers["Authorization"]}

        responses = await asyncio.gather(
            *(self.change(client, new=f"{NEW_PASSWORD} {n}", **headers) for n in range(10))
        )

        statuses = [response.status_code for response in responses]
        assert statuses.count(204) == 1
        assert set(statuses) <= {204, 412, 422}

    async def test_stale_version_is_rejected(self, as_user: As, user: User) -> None:
        response = await self.change(await as_user(user), **{"If-Match": '"7"'})

        assert_problem(response, 412, "precondition_failed")


class TestDeleteProfile:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        assert_problem(await delete_account(client), 401, "unauthenticated")

    async def test_needs_a_body(self, as_user: As, user: User) -> None:
        signed_in = await as_user(user)

        assert broken(await signed_in.delete(ME)).keys() == {"/body"}
        assert (await signed_in.get(ME)).status_code == 200

    async def test_wrong_current_password_is_named(self, as_user: As, user: User) -> None:
        response = await delete_account(await as_user(user), password="wrong")

        assert broken(response) == {"/body/current_password": "wrong_password"}

    async def test_current_password_is_guessed_at_most_ten_times_over_all_calls(
        self, as_user: As, user: User
    ) -> None:
        signed_in = await as_user(user)
        wrong = {"email": "moved@example.com", "current_password": "wrong"}

        responses = [await signed_in.put(f"{ME}/email", json=wrong) for _ in range(5)]
        responses += [await delete_account(signed_in, password="wrong") for _ in range(6)]

        assert [response.status_code for response in responses] == [422] * 10 + [429]

    async def test_account_is_gone_and_its_identity_free(
        self, client: AsyncClient, user: User
    ) -> None:
        pair = await tokens(client, user.email)

        response = await delete_account(client, **bearer(pair["access_token"]))

        assert (response.status_code, response.content) == (204, b"")
        assert not await is_signed_in(client, pair["access_token"])
        assert_problem(await refresh(client, pair["refresh_token"]), 401, "invalid_token")
        assert_problem(await sign_in(client, user.email), 401, "invalid_credentials")
        again = {"email": user.email, "username": user.username, "password": PASSWORD}
        assert (await client.post(f"{AUTH}/register", json=again)).status_code == 201

    async def test_row_is_not_deleted(self, as_user: As, user: User, database: Database) -> None:
        await delete_account(await as_user(user))

        (row,) = await database("SELECT id, deleted_at FROM users")
        assert row["id"] == user.id
        assert row["deleted_at"] is not None

    async def test_last_administrator_cannot_be_deleted(self, as_user: As, admin: User) -> None:
        signed_in = await as_user(admin)

        assert_problem(await delete_account(signed_in), 409, "last_admin")
        assert (await signed_in.get(ME)).status_code == 200


class TestListOwnItems:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        assert_problem(await client.get(f"{ME}/items"), 401, "unauthenticated")

    async def test_lists_only_own_items(
        self, as_user: As, save: Save, user: User, other_user: User
    ) -> None:
        own = await save(make_item(user))
        await save(make_item(other_user))

        listed = (await (await as_user(user)).get(f"{ME}/items")).json()["items"]

        assert [item["id"] for item in listed] == [str(own.id)]


class TestListUsers:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        assert_problem(await client.get(USERS), 401, "unauthenticated")

    async def test_is_for_administrators(self, as_user: As, user: User) -> None:
        assert_problem(await (await as_user(user)).get(USERS), 403, "insufficient_scope")

    async def test_response_has_exactly_the_documented_fields(
        self, as_user: As, admin: User
    ) -> None:
        response = await (await as_user(admin)).get(USERS, params={"include_total": True})

        assert [row.keys() for row in response.json()["items"]] == [READ]
        assert response.json()["total"] == 1

    @pytest.mark.parametrize(
        ("params", "found"),
        [
            ({"role": "guest"}, {"guest_1"}),
            ({"is_active": "false"}, {"idle100"}),
            ({"role": "user", "is_active": "true"}, {"ada", "100x"}),
            ({"q": "100"}, {"idle100", "100x"}),
            ({"q": "ADA@"}, {"ada"}),
            ({"q": "_1"}, {"guest_1"}),
            ({"q": "%"}, {"percent"}),
            ({"q": "\\"}, set()),
            ({"q": "'"}, set()),
            ({"role": "guest", "q": "ada"}, set()),
        ],
    )
    async def test_filters(
        self, as_user: As, save: Save, params: dict[str, str], found: set[str]
    ) -> None:
        admin = await save(make_user(username="percent", email="a%b@example.com", role=Role.ADMIN))
        await save(make_user(username="ada", email="ada@example.com"))
        await save(make_user(username="100x", email="x@example.com"))
        await save(make_user(username="idle100", email="idle@example.com", is_active=False))
        await save(make_user(username="guest_1", email="g1@example.com", role=Role.GUEST))
        await save(
            make_user(username="gone", email="gone@example.com", deleted_at=admin.created_at)
        )

        response = await (await as_user(admin)).get(USERS, params=params)

        assert {row["username"] for row in response.json()["items"]} == found

    @pytest.mark.parametrize(
        ("name", "value"),
        [("role", "root"), ("is_active", "perhaps"), ("q", ""), ("q", "x" * 51), ("q", "a\0")],
    )
    async def test_invalid_filter_is_named(
        self, as_user: As, admin: User, name: str, value: str
    ) -> None:
        response = await (await as_user(admin)).get(USERS, params={name: value})

        assert broken(response).keys() == {f"/query/{name}"}

    async def test_pages_contain_every_user_once(
        self, as_user: As, save: Save, admin: User
    ) -> None:
        all_users = {str(admin.id)} | {str((await save(make_user())).id) for _ in range(6)}
        signed_in, seen, cursor = await as_user(admin), [], None
        while True:
            params = {"limit": "3", "sort": "username"} | ({"cursor": cursor} if cursor else {})
            page = (await signed_in.get(USERS, params=params)).json()
            seen += [row["id"] for row in page["items"]]
            cursor = page["next_cursor"]
            if not cursor:
                break

        assert len(seen) == len(all_users)
        assert set(seen) == all_users


class TestCreateUser:
    def body(self, **fields: Any) -> dict[str, Any]:
        given = {"email": "grace@example.com", "username": "grace", "password": PASSWORD}
        return given | fields

    async def test_needs_a_token(self, client: AsyncClient) -> None:
        assert_problem(await client.post(USERS, json=self.body()), 401, "unauthenticated")

    async def test_is_for_administrators(self, as_user: As, user: User) -> None:
        response = await (await as_user(user)).post(USERS, json=self.body())

        assert_problem(response, 403, "insufficient_scope")

    @pytest.mark.parametrize("role", [None, "admin", "user", "guest"])
    async def test_opens_an_account_with_a_role(
        self, client: AsyncClient, as_user: As, admin: User, role: str | None
    ) -> None:
        body = self.body(**({"role": role} if role else {}))

        response = await (await as_user(admin)).post(USERS, json=body)

        assert response.status_code == 201
        assert response.json()["role"] == (role or "user")
        assert response.json()["email_verified"] is True
        assert response.headers["Location"] == f"http://test{USERS}/{response.json()['id']}"
        assert (await sign_in(client, "grace")).status_code == 200

    @pytest.mark.parametrize(
        ("field", "value"),
        [("role", "root"), ("is_active", False), ("password", "password1234"), ("id", "x")],
    )
    async def test_invalid_field_is_named(
        self, as_user: As, admin: User, field: str, value: object
    ) -> None:
        response = await (await as_user(admin)).post(USERS, json=self.body(**{field: value}))

        assert broken(response).keys() == {f"/body/{field}"}

    async def test_taken_address_is_rejected(self, as_user: As, admin: User, user: User) -> None:
        response = await (await as_user(admin)).post(USERS, json=self.body(email=user.email))

        assert_problem(response, 409, "email_taken")


class TestReadUser:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        assert_problem(await client.get(f"{USERS}/{uuid.uuid4()}"), 401, "unauthenticated")

    async def test_administrator_sees_more(
        self, client: AsyncClient, as_user: As, user: User, admin: User, database: Database
    ) -> None:
        await tokens(client, user.email)
        await tokens(client, user.email)
        await database("UPDATE sessions SET ended_at = now()")
        await tokens(client, user.email)

        body = (await (await as_user(admin)).get(f"{USERS}/{user.id}")).json()

        assert body.keys() == READ | {"last_login_at", "session_count"}
        assert body["session_count"] == 1
        assert body["last_login_at"] > body["created_at"]

    async def test_user_sees_the_own_account(self, as_user: As, user: User) -> None:
        response = await (await as_user(user)).get(f"{USERS}/{user.id}")

        assert response.json().keys() == READ

    @pytest.mark.parametrize("exists", [True, False])
    async def test_account_of_another_user_is_rejected(
        self, as_user: As, user: User, other_user: User, exists: bool
    ) -> None:
        user_id = other_user.id if exists else uuid.uuid4()

        response = await (await as_user(user)).get(f"{USERS}/{user_id}")

        assert_problem(response, 403, "not_permitted")

    async def test_deleted_account_is_not_found(
        self, as_user: As, user: User, admin: User, database: Database
    ) -> None:
        await database("UPDATE users SET deleted_at = now() WHERE role = 'user'")

        response = await (await as_user(admin)).get(f"{USERS}/{user.id}")

        assert_problem(response, 404, "not_found")


class TestUpdateUser:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.patch(f"{USERS}/{uuid.uuid4()}", json={})

        assert_problem(response, 401, "unauthenticated")

    async def test_is_for_administrators(self, as_user: As, user: User, other_user: User) -> None:
        response = await patch(await as_user(user), f"{USERS}/{other_user.id}", {"role": "admin"})

        assert_problem(response, 403, "insufficient_scope")

    @pytest.mark.parametrize("changes", [{"role": "guest"}, {"is_active": False}])
    async def test_change_ends_the_sessions(
        self, client: AsyncClient, as_user: As, user: User, admin: User, changes: dict[str, Any]
    ) -> None:
        pair = await tokens(client, user.email)
        assert await is_signed_in(client, pair["access_token"])

        response = await patch(await as_user(admin), f"{USERS}/{user.id}", changes)

        assert response.json().items() >= changes.items()
        assert response.headers["ETag"] == '"2"'
        assert not await is_signed_in(client, pair["access_token"])

    async def test_no_change_ends_nothing(
        self, client: AsyncClient, as_user: As, user: User, admin: User
    ) -> None:
        pair = await tokens(client, user.email)

        response = await patch(await as_user(admin), f"{USERS}/{user.id}", {"role": "user"})

        assert response.json()["version"] == 1
        assert await is_signed_in(client, pair["access_token"])

    @pytest.mark.parametrize("changes", [{"role": "user"}, {"is_active": False}, {}])
    async def test_own_role_cannot_be_changed(
        self, as_user: As, admin: User, changes: dict[str, Any]
    ) -> None:
        response = await patch(await as_user(admin), f"{USERS}/{admin.id}", changes)

        assert_problem(response, 403, "not_permitted")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            *[("role", value) for value in (None, "root", 7)],
            *[("is_active", value) for value in (None, "false", 0)],
            *[("email", "x@example.com"), ("password", PASSWORD), ("email_verified", True)],
        ],
    )
    async def test_invalid_field_is_named(
        self, as_user: As, user: User, admin: User, field: str, value: object
    ) -> None:
        response = await patch(await as_user(admin), f"{USERS}/{user.id}", {field: value})

        assert broken(response).keys() == {f"/body/{field}"}

    async def test_unknown_account_is_not_found(self, as_user: As, admin: User) -> None:
        response = await patch(await as_user(admin), f"{USERS}/{uuid.uuid4()}", {})

        assert_problem(response, 404, "not_found")

    async def test_stale_version_is_rejected(self, as_user: As, user: User, admin: User) -> None:
        headers = {"If-Match": '"7"'}

        response = await patch(
            await as_user(admin), f"{USERS}/{user.id}", {"role": "guest"}, **headers
        )

        assert_problem(response, 412, "precondition_failed")

    @pytest.mark.parametrize("round_", range(20))
    async def test_one_of_two_administrators_that_demote_each_other_remains(
        self, client: AsyncClient, as_user: As, save: Save, database: Database, round_: int
    ) -> None:
        all_users = [await save(make_user(role=Role.ADMIN)) for _ in range(2)]
        headers = [
            {"Authorization": (await as_user(person)).headers["Authorization"]}
            for person in all_users
        ]
        requests: list[dict[str, Any]] = [
            {"method": "PATCH", "json": {"role": "user"}},
            {"method": "PATCH", "json": {"is_active": False}},
            {"method": "DELETE"},
        ]

        await asyncio.gather(
            *(
                client.request(
                    url=f"{USERS}/{all_users[1 - n].id}",
                    headers=headers[n],
                    **requests[(round_ + n) % 3],
                )
                for n in range(2)
            )
        )

        (left,) = await database(
            "SELECT count(*) FROM users WHERE role = 'admin' AND is_active AND deleted_at IS NULL"
        )
        assert left["count"] == 1

    async def test_inactive_administrator_is_not_counted(
        self, as_user: As, save: Save, admin: User
    ) -> None:
        idle = await save(make_user(role=Role.ADMIN, is_active=False))
        signed_in = await as_user(admin)

        demoted = await patch(signed_in, f"{USERS}/{idle.id}", {"role": "user"})

        assert demoted.status_code == 200
        assert_problem(await delete_account(signed_in), 409, "last_admin")


class TestDeleteUser:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        assert_problem(await client.delete(f"{USERS}/{uuid.uuid4()}"), 401, "unauthenticated")

    async def test_is_for_administrators(self, as_user: As, user: User, other_user: User) -> None:
        response = await (await as_user(user)).delete(f"{USERS}/{other_user.id}")

        assert_problem(response, 403, "insufficient_scope")

    async def test_account_and_its_sessions_end(
        self, client: AsyncClient, as_user: As, user: User, admin: User
    ) -> None:
        pair = await tokens(client, user.email)
        signed_in = await as_user(admin)
        assert await is_signed_in(client, pair["access_token"])

        response = await signed_in.delete(f"{USERS}/{user.id}")

        assert (response.status_code, response.content) == (204, b"")
        assert not await is_signed_in(client, pair["access_token"])
        assert_problem(await signed_in.get(f"{USERS}/{user.id}"), 404, "not_found")

    async def test_own_account_is_deleted_with_the_password_only(
        self, as_user: As, save: Save, admin: User
    ) -> None:
        await save(make_user(role=Role.ADMIN))
        signed_in = await as_user(admin)

        response = await signed_in.delete(f"{USERS}/{admin.id}")

        assert_problem(response, 403, "not_permitted")
        assert (await signed_in.get(f"{USERS}/me")).status_code == 200
