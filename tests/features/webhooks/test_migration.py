"""The migration of deliveries to events: under load, and downgrade with waiting deliveries."""

import asyncio
import json

import asyncpg
import pytest

from app.db import migrations
from tests.conftest import execute, plain
from tests.polling import PATIENCE_SECONDS, eventually

BEFORE = "0019"
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation IS NOT NULL"
FILL = """
INSERT INTO users (id, email, email_canonical, username, username_canonical, password_hash, role,
                   is_active, email_verified)
VALUES (uuidv7(), 'a@example.com', 'a@example.com', 'a', 'a', 'x', 'user', true, true);
INSERT INTO webhooks (id, owner_id, url, events, scopes, secret_sealed)
SELECT uuidv7(), id, 'https://hooks.example.com/', '{item.created}', '{}', '' FROM users;
INSERT INTO items (id, name, price, owner_id) SELECT uuidv7(), 'desk', 9, id FROM users;
INSERT INTO webhook_deliveries
    (id, webhook_id, event_type, event_transaction_id, event_id, due_at)
SELECT uuidv7(), webhooks.id, type, transaction_id, events.id, '2027-01-31 12:00Z'
FROM webhooks, events;
INSERT INTO webhook_deliveries (id, webhook_id, event_type, event_transaction_id, event_id, status)
SELECT uuidv7(), webhooks.id, 'item.created', 1, 1, 'succeeded' FROM webhooks;
"""


async def test_downgrade_writes_the_payloads_of_waiting_deliveries(empty_database: str) -> None:
    await asyncio.to_thread(migrations.upgrade, empty_database)
    await execute(empty_database, FILL)

    await asyncio.to_thread(migrations.downgrade, empty_database, BEFORE)

    connection = await asyncpg.connect(plain(empty_database))
    rows = await connection.fetch("SELECT payload, next_attempt_at FROM webhook_deliveries")
    await connection.close()
    (row,) = rows
    message = json.loads(row["payload"])
    assert message.keys() == {"id", "type", "timestamp", "data"}
    assert (message["type"], message["data"]["name"]) == ("item.created", "desk")
    assert not {"deleted_at", "search"} & message["data"].keys()
    assert row["next_attempt_at"].isoformat() == "2027-01-31T12:00:00+00:00"


@pytest.mark.parametrize("mode", ["ACCESS SHARE", "ROW EXCLUSIVE"])
async def test_upgrade_blocks_no_statement_while_it_waits_for_a_lock(
    empty_database: str, mode: str
) -> None:
    await asyncio.to_thread(migrations.upgrade, empty_database, BEFORE)
    holder = await asyncpg.connect(plain(empty_database))
    await holder.execute(f"BEGIN; LOCK TABLE webhook_deliveries IN {mode} MODE")
    upgrade = asyncio.create_task(asyncio.to_thread(migrations.upgrade, empty_database))
    watcher = await asyncpg.connect(plain(empty_database))

    await eventually(lambda: watcher.fetchval(WAITING))
    async with asyncio.timeout(PATIENCE_SECONDS):
        # Queued behind the migration until its lock timeout expires; the holder keeps its lock.
        await watcher.fetch("SELECT * FROM webhook_deliveries")
        await holder.execute("COMMIT")
        await upgrade

    await holder.close()
    await watcher.close()
    await asyncio.to_thread(migrations.check, empty_database)
