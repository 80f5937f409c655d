"""The audit log: no change goes unrecorded, and administrators read who made it."""

import asyncio
import uuid
from datetime import datetime
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app.db.base import Base
from app.devtools.naming import SECRET
from app.errors import Conflict
from app.features.users.models.user import User
from app.security.principals import Role
from tests.authorization import ANONYMOUS, methods, operations, rows
from tests.conftest import As, Database, Save
from tests.factories import PASSWORD, item_body, make_item, make_user
from tests.features.conftest import AUTH, ME, NEW_PASSWORD, address, bearer, refresh, tokens
from tests.problems import assert_problem
from tests.scenes import Scene
from tests.state import units_of_work
from tests.valid_requests import call

# Tables without audit triggers, each with its reason.
UNRECORDED_TABLES = {
    "audit_entries": "It is the record.",
    "consumer_offsets": "How far the service itself has read.",
    "events": "They are copies of public audit entries.",
    "dashboards": "Figures, counted again and again.",
    "idempotency_keys": "They repeat answers; the changes behind them are recorded.",
    "mailed_tokens": "Links in mails; what is done with one is recorded.",
    "notifications": "They are created once, and never change.",
    "room_messages": "They say themselves who spoke, for the minutes they are kept.",
    "sockets": "Leases of open connections.",
    "tasks": "They contain their own status; changes by a task are recorded.",
    "throttles": "Counters of guesses.",
    "tickets": "They last 30 seconds and open a stream.",
    "webhook_deliveries": "They contain their own status.",
}
# Operations that succeed without a change of a recorded table, each with its reason.
UNRECORDED_OPERATIONS = {
    "execute_graphql": "Its example reads, and mutations go through the same crud.",
    "follow_graphql": "It opens a stream, which changes nothing.",
    "join_room": "It opens a stream; what is said in a room is no resource.",
    "create_ws_ticket": "It opens a stream, which changes nothing.",
    "cancel_task": "It takes back what was to be done; a task tells that itself.",
    "forget_password": "It only sends a mail.",
    "process_item": "The change comes with the task.",
    "refresh_token": "The session goes on; its begin and its end are recorded.",
    "request_verification": "It only sends a mail.",
    "resend_reset": "It only sends a mail.",
    "resend_verification": "It only sends a mail.",
    "retry_task": "A task contains its own status.",
    "redeliver_webhook_delivery": "It only sends a message.",
    "send_notification": "It only sends a mail.",
    "test_webhook": "It only sends a message.",
}
TRIGGERS = """
    SELECT relname, count(*) AS triggers FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE tgfoid = 'record_changes'::regproc AND tgenabled = 'O' GROUP BY relname
"""
ENTRIES = "SELECT actor_id, action FROM audit_entries WHERE request_id = :request_id"


AUDIT = "/api/v1/audit"
ITEMS = "/api/v1/items"


async def entries(client: AsyncClient, **filters: Any) -> list[dict[str, Any]]:
    """What an administrator reads, the earliest first."""
    response = await client.get(AUDIT, params={"sort": "created_at", **filters})
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["items"]
    return found


async def actions(client: AsyncClient, **filters: Any) -> list[str]:
    return [entry["action"] for entry in await entries(client, **filters)]


class TestListAuditEntries:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        assert_problem(await client.get(AUDIT), 401, "unauthenticated")

    async def test_is_for_administrators(self, as_user: As, user: User) -> None:
        assert_problem(await (await as_user(user)).get(AUDIT), 403, "insufficient_scope")

    async def test_shows_actor_action_and_row(self, as_user: As, user: User, admin: User) -> None:
        owner, reader = await as_user(user), await as_user(admin)
        item = (await owner.post(ITEMS, json=item_body(price="899.10"))).json()
        await owner.patch(
            f"{ITEMS}/{item['id']}", json={"price": "10.00"}, headers={"X-Request-ID": "req-1"}
        )

        created, updated = await entries(reader, resource_id=item["id"])
        assert created["before"] is None
        assert created["after"]["price"] == "899.10"
        # PostgreSQL leaves zeros out at the end of a second.
        moments = [created["after"]["created_at"], item["created_at"]]
        assert len({datetime.fromisoformat(each) for each in moments}) == 1
        assert all(each.endswith("Z") for each in moments)
        assert updated["actor_id"] == str(user.id)
        assert updated["request_id"] == "req-1"
        assert (updated["action"], updated["resource_type"]) == ("item.updated", "item")
        assert (updated["before"]["price"], updated["after"]["price"]) == ("899.10", "10.00")

    async def test_names_each_action_of_a_row(self, as_user: As, user: User, admin: User) -> None:
        client = await as_user(user)
        item_id = (await client.post(ITEMS, json=item_body())).json()["id"]
        await client.delete(f"{ITEMS}/{item_id}")
        await client.post(f"{ITEMS}/{item_id}/restore")

        reader = await as_user(admin)
        assert await actions(reader, resource_id=item_id) == [
            "item.created", "item.deleted", "item.restored",
        ]  # fmt: skip

    async def test_processing_differs_from_an_update(
        self, as_user: As, user: User, admin: User, save: Save, database: Database
    ) -> None:
        item = await save(make_item(user))
        await database("UPDATE items SET processed_at = now()")

        reader = await as_user(admin)
        assert await actions(reader, resource_id=item.id) == ["item.created", "item.processed"]

    @pytest.mark.parametrize(
        "filters",
        [
            {"action": "item.updated"},
            {"resource_type": "item", "request_id": "second"},
            {"request_id": "second"},
        ],
    )
    async def test_filters_return_matching_entries(
        self, as_user: As, user: User, admin: User, filters: dict[str, str]
    ) -> None:
        owner, reader = await as_user(user), await as_user(admin)
        item_id = (await owner.post(ITEMS, json=item_body())).json()["id"]
        headers = {"X-Request-ID": "second"}
        await owner.patch(f"{ITEMS}/{item_id}", json={"name": "Oak desk"}, headers=headers)

        (found,) = await entries(reader, **filters)
        assert found["after"]["name"] == "Oak desk"

    async def test_filters_by_user_and_time(self, as_user: As, user: User, admin: User) -> None:
        for caller in (user, admin):
            await (await as_user(caller)).post(ITEMS, json=item_body())
        reader = await as_user(admin)

        (found,) = await entries(reader, actor_id=user.id, resource_type="item")
        assert found["after"]["owner_id"] == str(user.id)
        at = found["created_at"]
        assert found in await entries(reader, since=at)
        assert found not in await entries(reader, until=at)

    async def test_cursor_returns_each_entry_once(
        self, as_user: As, user: User, admin: User
    ) -> None:
        batch = {"items": [item_body(name=f"Desk {number}") for number in range(25)]}
        assert (await (await as_user(user)).post(f"{ITEMS}/batch", json=batch)).json()["created"]
        reader = await as_user(admin)
        page: dict[str, Any] = {"limit": 10, "action": "item.created"}
        cursor, met = "start", list[str]()
        while cursor:
            response = (await reader.get(AUDIT, params=page)).json()
            met += [entry["resource_id"] for entry in response["items"]]
            cursor = page["cursor"] = response["next_cursor"]

        assert len(met) == len(set(met)) == 25


async def create_in_vain(app: FastAPI, user: User) -> None:
    async with units_of_work(app).begin() as uow:
        uow.session.add(make_item(user))
        await uow.session.flush()
        raise Conflict


class TestRecord:
    async def test_rolled_back_change_leaves_no_entry(
        self, app: FastAPI, user: User, database: Database
    ) -> None:
        with pytest.raises(Conflict):
            await create_in_vain(app, user)

        assert not await database("SELECT 1 FROM audit_entries WHERE resource_type = 'item'")

    async def test_unchanged_row_leaves_no_entry(
        self, as_user: As, user: User, admin: User, save: Save
    ) -> None:
        item = await save(make_item(user))
        await (await as_user(user)).patch(f"{ITEMS}/{item.id}", json={"name": item.name})

        assert await actions(await as_user(admin), resource_id=item.id) == ["item.created"]

    async def test_statement_over_many_rows_is_recorded_row_by_row(
        self, user: User, save: Save, database: Database
    ) -> None:
        for _ in range(3):
            await save(make_item(user))
        await database("UPDATE items SET price = 1")
        await database("DELETE FROM items")

        counts = await database("SELECT action, count(*) FROM audit_entries GROUP BY action")
        assert {row["action"]: row["count"] for row in counts} == {
            "user.created": 1, "item.created": 3, "item.updated": 3, "item.deleted": 3,
        }  # fmt: skip

    async def test_changed_secret_is_named_and_never_shown(
        self, as_user: As, user: User, admin: User, database: Database
    ) -> None:
        body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        client = await as_user(user)
        assert (await client.put(f"{ME}/password", json=body)).status_code == 204
        key = {"name": "import", "scopes": ["items:read"]}
        key_id = (await client.post(f"{AUTH}/api-keys", json=key)).json()["id"]
        await client.post(f"{AUTH}/api-keys/{key_id}/rotate")

        reader = await as_user(admin)
        change = (await entries(reader, resource_id=user.id))[-1]
        assert "password_hash" not in change["before"]
        assert change["after"]["password_hash"] == "(changed)"
        rotated = (await entries(reader, resource_id=key_id))[-1]
        assert rotated["after"]["secret_hash"] == "(changed)"
        secrets = await database(
            "SELECT password_hash AS secret FROM users UNION SELECT secret_hash::text FROM api_keys"
        )
        (everything,) = await database(
            "SELECT string_agg(e::text, '') AS text FROM audit_entries e"
        )
        assert not [each for each in secrets if each["secret"] in everything["text"]]

    async def test_column_with_a_secret_name_is_never_shown(self, database: Database) -> None:
        """A table whose trigger forgot to name its secrets would show them from then on."""
        arguments = await database(
            "SELECT relname, encode(tgargs, 'escape') AS arguments FROM pg_trigger "
            "JOIN pg_class ON pg_class.oid = tgrelid WHERE tgfoid = 'record_changes'::regproc"
        )
        hidden = {row["relname"]: row["arguments"] for row in arguments}
        sounding = [
            (name, column.name)
            for name, table in Base.metadata.tables.items()
            for column in table.columns
            if name in hidden and SECRET.search(column.name)
        ]

        assert ("users", "password_hash") in sounding
        assert [each for each in sounding if each[1] not in hidden[each[0]]] == []

    async def test_start_and_end_of_a_session_are_recorded(
        self, client: AsyncClient, as_user: As, user: User, admin: User
    ) -> None:
        reader = await as_user(admin)
        pair = await tokens(client, user.email)
        pair = (await refresh(client, pair["refresh_token"])).json()
        await client.post(f"{AUTH}/logout", headers=bearer(pair["access_token"]))

        begun, ended = await entries(reader, resource_type="session", actor_id=user.id)
        assert (begun["action"], ended["action"]) == ("session.created", "session.ended")

    async def test_anonymous_change_has_no_actor(
        self, client: AsyncClient, as_user: As, admin: User
    ) -> None:
        await (await as_user(admin)).get(ITEMS)  # An earlier caller.
        body = {"email": address(), "username": "fresh", "password": NEW_PASSWORD}
        user_id = (await client.post(f"{AUTH}/register", json=body)).json()["id"]

        (created,) = await entries(await as_user(admin), resource_id=user_id)
        assert created["actor_id"] is None
        assert created["request_id"]

    async def test_concurrent_users_are_not_confused(
        self, app: FastAPI, as_user: As, save: Save, database: Database
    ) -> None:
        """Connections go from one to the other."""
        clients = [await as_user(await save(make_user())) for _ in range(4)]
        responses = [
            await asyncio.gather(*(client.post(ITEMS, json=item_body()) for client in clients))
            for _ in range(8)
        ]

        # A busy machine rejects some, which is no matter here.
        created = [
            response for round_ in responses for response in round_ if response.status_code == 201
        ]
        assert len(created) > len(clients)
        wrong = (
            "SELECT 1 FROM audit_entries WHERE resource_type = 'item' "
            "AND (actor_id IS NULL OR actor_id::text <> after ->> 'owner_id')"
        )
        assert not await database(wrong)


class TestTables:
    async def test_each_table_is_audited_or_has_a_reason(self, database: Database) -> None:
        recorded = {row["relname"]: row["triggers"] for row in await database(TRIGGERS)}
        tables = Base.metadata.tables.keys()
        unrecorded = tables & UNRECORDED_TABLES.keys()  # Features may be absent.

        assert recorded.keys() | unrecorded == tables
        assert not recorded.keys() & unrecorded
        # Inserted, updated, deleted; housekeeping deletes sessions that ended long ago.
        assert {name for name, count in recorded.items() if count != 3} == {"sessions"}
        assert recorded["sessions"] == 2


def changing() -> list[str]:
    return [name for name, method in methods().items() if method != "GET"]


def states() -> dict[str, tuple[str, bool]]:
    """Return the resource state of each operation, and whether anonymous clients may call it."""
    named = ((name.partition("."), columns) for name, columns in rows())
    return {name: (state, columns[0] == ANONYMOUS) for (name, _, state), columns in named}


class TestOperations:
    @pytest.mark.parametrize("name", changing())
    async def test_each_change_names_actor_and_request(
        self,
        app: FastAPI,
        client: AsyncClient,
        as_user: As,
        save: Save,
        database: Database,
        name: str,
    ) -> None:
        operation = operations(app)[name]
        await save(make_user(role=Role.ADMIN))  # So that no caller is the last one.
        caller = await save(make_user(role=Role.ADMIN))
        state, is_public = states()[operation.name]
        caller_client = client if is_public else await as_user(caller)
        other = caller if operation.name not in ABOUT_OTHERS else await save(make_user())
        request_id = caller_client.headers["X-Request-ID"] = uuid.uuid4().hex

        response = await call(operation, Scene(app, other, state), caller_client)

        assert response.status_code < 400, response.text
        recorded = await database(ENTRIES, request_id=request_id)
        assert bool(recorded) == (operation.name not in UNRECORDED_OPERATIONS), recorded
        if not is_public:
            assert {entry["actor_id"] for entry in recorded} <= {caller.id}


# Operations that are not permitted on the own account.
ABOUT_OTHERS = {"delete_user", "update_user"}
