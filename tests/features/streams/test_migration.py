"""The migration of tickets to credentials of any kind, while the previous release serves."""

import asyncio

import asyncpg

from app.db import migrations
from tests.conftest import execute, plain

USER = """
INSERT INTO users (id, email, email_canonical, username, username_canonical, password_hash, role,
                   is_active, email_verified)
VALUES ('00000000-0000-0000-0000-000000000001', 'a@example.com', 'a@example.com', 'a', 'a', 'x',
        'user', true, true);
INSERT INTO sessions (id, user_id, scopes, user_agent, address, rotated_at, last_used_at,
                      idle_expires_at, expires_at)
SELECT '00000000-0000-0000-0000-000000000002', id, '{}', '', '', now(), now(), now(), now()
FROM users;
"""
# As the previous release and this one write them.
OLD = """
INSERT INTO tickets (id, user_id, session_id, scopes, secret_hash, expires_at)
SELECT uuidv7(), user_id, id, '{{}}', '{secret}', now() FROM sessions
"""
NEW = """
INSERT INTO tickets (id, user_id, credential_kind, credential_id, scopes, secret_hash, expires_at)
SELECT uuidv7(), id, '{kind}', id, '{{}}', '{kind}', now() FROM users
"""
ROWS = """
SELECT encode(secret_hash, 'escape') AS name, credential_kind AS kind, credential_id AS id,
       session_id, api_key_id
FROM tickets
"""


async def test_either_release_reads_the_tickets_of_the_other(empty_database: str) -> None:
    await asyncio.to_thread(migrations.upgrade, empty_database)
    await execute(empty_database, USER)
    await execute(empty_database, OLD.format(secret="after"))
    for kind in ("access_token", "api_key"):
        await execute(empty_database, NEW.format(kind=kind))

    connection = await asyncpg.connect(plain(empty_database))
    rows = {row["name"]: row for row in await connection.fetch(ROWS)}
    await connection.close()
    after = rows["after"]
    assert (after["kind"], after["id"]) == ("access_token", after["session_id"])
    assert rows["access_token"]["session_id"] == rows["access_token"]["id"]
    assert rows["api_key"]["api_key_id"] == rows["api_key"]["id"]
    assert rows["api_key"]["session_id"] is None
