"""Query executor: runs compiled SELECTs on asyncpg connections.

An ORM session spends four fifths of a simple read on building the statement, a
transaction and objects that live for one response. Here statements are built from the models
once, and a read costs one round trip. Writes use the ORM: see ADR 0002.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, cast

import asyncpg

from app.db.compiled import CompiledStatement, R, Row, Values, columns_of
from app.db.errors import database_errors
from app.db.instrumentation import observe
from app.db.pool import LOST, Pool, Share
from app.db.schema_changes import SCHEMA_AGE, SCHEMA_CHANGED

__all__ = ["CompiledStatement", "PoolReader", "R", "Reader", "Row", "columns_of"]

# About 64 KiB of an export, a few milliseconds of the event loop.
CHUNK_ROWS = 250


class Reader(ABC):
    """Interface of a server that runs queries: the primary, or a replica."""

    async def all(self, query: CompiledStatement[R], **values: Any) -> list[R]:
        """Return all rows.

        Raises:
            Unavailable: no connection became free in time, or the database is unreachable.
            DeadlineExceeded: the statement took longer than its timeout.
        """
        return query.rows(await self.fetch(query, values))

    async def first(self, query: CompiledStatement[R], **values: Any) -> R | None:
        """Return the first row or None; raises like `all`."""
        records = await self.fetch(query, values)
        return query.rows(records[:1])[0] if records else None

    async def scalar(self, query: CompiledStatement[Any], **values: Any) -> Any:
        """Return the first column of the first row or None; raises like `all`."""
        row = await self.first(query, **values)
        return next(iter(row.values())) if row else None

    @abstractmethod
    async def fetch(
        self, query: CompiledStatement[Any], values: Values
    ) -> Sequence[asyncpg.Record]:
        """Return the unconverted records; raises like `all`."""

    @abstractmethod
    def stream(self, query: CompiledStatement[R], **values: Any) -> AsyncGenerator[list[R]]:
        """Yield all rows of one snapshot, in chunks; raises like `all`."""


async def chunks(
    connection: asyncpg.Connection, query: CompiledStatement[R], values: Values
) -> AsyncGenerator[list[R]]:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        # Unnamed: behind PgBouncer a named statement would remain on the server.
        statement = await connection.prepare(query.sql, name="")
        cursor = await statement.cursor(*query.arguments(values))
        while records := await cursor.fetch(CHUNK_ROWS):
            yield query.rows(records)


class PoolReader(Reader):
    """Reads in autocommit: a SELECT needs no transaction and leaves no state.

    The connections are of `share`, or of that of the current task.
    """

    def __init__(self, pool: Pool, share: Share | None = None) -> None:
        self.pool = pool
        self.statements = 0
        self._share = share

    async def stream(self, query: CompiledStatement[R], **values: Any) -> AsyncGenerator[list[R]]:
        """Yield all rows of one snapshot, in chunks, through a server-side cursor.

        From the share of exports: a slow client must not hold a connection that requests need. It
        is closed at the end, since a client may disconnect in mid-response.
        """
        exports = self.pool.exports
        await exports.acquire()
        try:
            with database_errors():
                pooled = await self.pool.acquire()
                try:
                    async with aclosing(chunks(pooled.driver, query, values)) as found:
                        async for rows in found:
                            yield rows
                finally:
                    pooled.terminate()
        finally:
            exports.release()

    async def fetch(
        self, query: CompiledStatement[Any], values: Values
    ) -> Sequence[asyncpg.Record]:
        arguments = query.arguments(values)
        share = self._share or self.pool.share_of_task()
        with database_errors():
            await share.acquire()
            try:
                return await self._run(query.sql, arguments)
            finally:
                share.release()

    async def _run(self, sql: str, arguments: list[Any]) -> Sequence[asyncpg.Record]:
        pooled = await self.pool.acquire()
        started = time.perf_counter()
        try:
            records = await pooled.driver.fetch(sql, *arguments)
        except (*SCHEMA_CHANGED, *LOST) as error:
            pooled.terminate()
            SCHEMA_AGE.mark_changed_after(error)
            # A value that the driver cannot encode fails on any connection.
            if pooled.is_fresh or isinstance(error, ValueError):
                raise
            # Retrying a read is safe.
            return await self._run(sql, arguments)
        except asyncpg.PostgresError:
            self.pool.release(pooled)
            raise
        except BaseException:
            # A timeout or a cancelled request leaves the protocol in mid-response.
            pooled.terminate()
            raise
        finally:
            observe(sql, time.perf_counter() - started)
        self.statements += 1
        self.pool.release(pooled)
        return cast("Sequence[asyncpg.Record]", records)
