"""The audit log is append-only for all roles."""

import asyncio
import uuid
from collections.abc import Iterator

import asyncpg
import pytest

from app.db import migrations
from tests.conftest import execute, plain, with_database

REJECTED = [
    "UPDATE audit_entries SET action = 'nothing'",
    "DELETE FROM audit_entries",
    "TRUNCATE audit_entries",
]


class TestAppendOnly:
    @pytest.mark.parametrize("statement", REJECTED)
    async def test_superuser_is_rejected(self, database_url: str, statement: str) -> None:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await execute(database_url, statement)

    @pytest.mark.parametrize("statement", REJECTED)
    async def test_owner_is_rejected(self, owned_database: str, statement: str) -> None:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            await execute(owned_database, statement)

    async def test_owner_changes_are_recorded(self, owned_database: str) -> None:
        connection = await asyncpg.connect(plain(owned_database))
        await connection.execute(
            "INSERT INTO categories (id, name, name_canonical) VALUES ($1, 'Desks', 'desks')",
            uuid.uuid4(),
        )

        query = "SELECT action FROM audit_entries WHERE action ^@ 'category.'"
        assert await connection.fetchval(query) == "category.created"
        await connection.close()

    async def test_columns_may_have_the_names_of_variables(self, owned_database: str) -> None:
        names = ("actor", "hidden", "noun", "request", "secret")
        connection = await asyncpg.connect(plain(owned_database))
        columns = ", ".join(f"{name} text DEFAULT 'a'" for name in names)
        await connection.execute(f"CREATE TABLE notes (id uuid DEFAULT uuidv7(), {columns})")
        await connection.execute("SELECT audit_table('notes', 'note')")

        await connection.execute("INSERT INTO notes DEFAULT VALUES")
        await connection.execute("UPDATE notes SET actor = 'b'")
        await connection.execute("DELETE FROM notes")

        query = "SELECT action FROM audit_entries WHERE action ^@ 'note.' ORDER BY id"
        assert [entry["action"] for entry in await connection.fetch(query)] == [
            "note.created",
            "note.updated",
            "note.deleted",
        ]
        await connection.close()


@pytest.fixture(scope="class")
def owned_database(server_url: str) -> Iterator[str]:
    """The URL of a migrated database for its owner, who has no other rights."""
    name = f"owned_{uuid.uuid4().hex}"
    for statement in (
        f"CREATE ROLE {name} LOGIN PASSWORD 'owned'",
        f"CREATE DATABASE {name} OWNER {name}",
    ):
        asyncio.run(execute(server_url, statement))
    address = with_database(server_url, name).rpartition("@")[2]
    url = f"postgresql+asyncpg://{name}:owned@{address}"
    migrations.upgrade(url)
    yield url
    for statement in (f"DROP DATABASE {name} WITH (FORCE)", f"DROP ROLE {name}"):
        asyncio.run(execute(server_url, statement))
