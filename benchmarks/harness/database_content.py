"""The content of a database, for comparison with another one."""

import asyncpg

from benchmarks.service import plain

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"


async def content(url: str) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    connection = await asyncpg.connect(plain(url))
    try:
        names = [record["tablename"] for record in await connection.fetch(TABLES)]
        return {name: await rows(connection, name) for name in names}
    finally:
        await connection.close()


async def rows(connection: asyncpg.Connection, table: str) -> list[str]:
    # Its own tables.
    statement = f'SELECT t::text AS row FROM "{table}" t ORDER BY 1'  # noqa: S608  (see above)
    return [record["row"] for record in await connection.fetch(statement)]
