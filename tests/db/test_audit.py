"""The audit log in a service whose role cannot rewrite history."""

import asyncpg
import pytest
from httpx2 import AsyncClient

from app.config.settings import Settings
from tests.conftest import execute
from tests.db.test_grants import (
    ITEMS,
    admin,  # noqa: F401  (a fixture, as those below)
    app,  # noqa: F401
    migrated,  # noqa: F401
    roles,  # noqa: F401
)
from tests.factories import item_body

REJECTED = (
    "UPDATE audit_entries SET action = 'nothing'",
    "DELETE FROM audit_entries",
    "TRUNCATE audit_entries",
    "DROP TABLE audit_entries",
    "ALTER TABLE audit_entries DISABLE TRIGGER append_only",
    "DROP TRIGGER audit_update ON items",
    "DROP FUNCTION record_changes CASCADE",
    "CREATE OR REPLACE FUNCTION record_changes() RETURNS trigger LANGUAGE sql AS 'SELECT 1'",
)


async def test_changes_are_recorded(admin: AsyncClient) -> None:  # noqa: F811
    item = (await admin.post(ITEMS, json=item_body())).json()
    await admin.delete(f"{ITEMS}/{item['id']}")

    audited = (await admin.get("/api/v1/audit", params={"resource_id": item["id"]})).json()

    actions = {entry["action"] for entry in audited["items"]}
    assert {"item.created", "item.deleted"} <= actions


@pytest.mark.parametrize("statement", REJECTED)
async def test_service_cannot_change_history(
    migrated: Settings,  # noqa: F811
    statement: str,
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await execute(migrated.database_url, statement)
