"""Cleaner: empties a database between tests, over one connection that stays open."""

from functools import cache

import asyncpg
from asyncpg.exceptions import AdminShutdownError

from app.db.base import Base

# By which tests that terminate connections spare this one.
APPLICATION_NAME = "tests-cleaner"


class Cleaner:
    """Empties the tables with one prepared statement: 0.3 ms; to connect for each test took 30."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None

    async def empty_tables(self) -> None:
        try:
            await self._delete()
        except (asyncpg.InterfaceError, asyncpg.PostgresConnectionError, AdminShutdownError):
            await self.aclose()  # A test terminated all backends.
            await self._delete()

    async def _delete(self) -> None:
        if self._connection is None:
            self._connection = await asyncpg.connect(
                self._url,
                server_settings={
                    "application_name": APPLICATION_NAME,
                    # No triggers: they would record the deletions, and the audit log rejects them.
                    "session_replication_role": "replica",
                },
            )
        await self._connection.fetchval(delete_statement())

    async def aclose(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()


@cache
def delete_statement() -> str:
    tables = [*map(str, Base.metadata.sorted_tables), "queue.pgqueuer", "queue.pgqueuer_schedules"]
    deletes = (f"d{number} AS (DELETE FROM {table})" for number, table in enumerate(tables))
    return f"WITH {', '.join(deletes)} SELECT 1"
