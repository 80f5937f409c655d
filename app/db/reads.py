"""The read path: SELECTs written with the models, compiled once, run by asyncpg itself.

An ORM session spends four fifths of a simple read on building the statement, a
transaction and objects that live for one response. Here the models still say what is
selected; what remains at run time is one round trip. Writes use the ORM: see ADR 0002.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, cast

import asyncpg

from app.core.errors import Unavailable
from app.db.errors import database_errors
from app.db.observation import Waits, observe
from app.db.queries import Query, Row

__all__ = ["Query", "ReadPool", "Reader", "Row"]

Connect = Callable[[], Awaitable[asyncpg.Connection]]

CHUNK_ROWS = 1000
# What tells that there is no connection any more, as after a restart of the server.
LOST = (
    ConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # Lost between the two halves of a statement.
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)


class Reader(ABC):
    """Whoever answers queries: the primary, or a replica where it may."""

    async def all(self, query: Query, **values: Any) -> list[Row]:
        """Every row of the answer.

        Raises:
            Unavailable: no connection became free in time, or the database is away.
            DeadlineExceeded: the statement took longer than its timeout.
        """
        return [query.row(record) for record in await self.fetch(query, values)]

    async def first(self, query: Query, **values: Any) -> Row | None:
        """The first row or None; raises like `all`."""
        records = await self.fetch(query, values)
        return query.row(records[0]) if records else None

    async def scalar(self, query: Query, **values: Any) -> Any:
        """The first column of the first row or None; raises like `all`."""
        row = await self.first(query, **values)
        return next(iter(row.values())) if row else None

    @abstractmethod
    async def fetch(self, query: Query, values: Row) -> Sequence[asyncpg.Record]:
        """The records as they come; raises like `all`."""

    @abstractmethod
    def stream(self, query: Query, **values: Any) -> AsyncIterator[list[Row]]:
        """Every row of one snapshot, in chunks."""


class ReadPool(Reader):
    """Connections in autocommit, the most recently used first, never reset.

    asyncpg's own pool spends as much on resetting a connection as a read costs, and a
    SELECT leaves nothing behind that would need it.
    """

    def __init__(
        self, connect: Connect, *, size: int, wait_seconds: float, recycle_seconds: float
    ) -> None:
        self._connect = connect
        self._free = asyncio.Semaphore(size)
        self._wait_seconds = wait_seconds
        self._recycle_seconds = recycle_seconds
        self._idle: list[tuple[asyncpg.Connection, float]] = []
        self.size = size
        self.in_use = 0
        self.waits = Waits("read")
        self.statements = 0

    async def stream(self, query: Query, **values: Any) -> AsyncIterator[list[Row]]:
        """Every row of one snapshot, in chunks, through a cursor of the server.

        On a connection of its own: a slow reader must not keep one of the pool's.
        """
        connection = await self._connect()
        try:
            with database_errors():
                async with connection.transaction(isolation="repeatable_read", readonly=True):
                    # Without a name, which PgBouncer would leave behind on the server.
                    statement = await connection.prepare(query.sql, name="")
                    cursor = await statement.cursor(*query.arguments(values))
                    while records := await cursor.fetch(CHUNK_ROWS):
                        yield [query.row(record) for record in records]
        finally:
            connection.terminate()

    async def close(self) -> None:
        while self._idle:
            self._idle.pop()[0].terminate()

    async def fetch(self, query: Query, values: Row) -> Sequence[asyncpg.Record]:
        arguments = query.arguments(values)
        with database_errors():
            await self._wait_for_a_turn()
            self.in_use += 1
            try:
                return await self._run(query.sql, arguments)
            finally:
                self.in_use -= 1
                self._free.release()

    async def _wait_for_a_turn(self) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        with self.waits.one():
            try:
                async with asyncio.timeout(self._wait_seconds):
                    await self._free.acquire()
            except TimeoutError:
                raise Unavailable("All database connections are busy.") from None

    async def _run(self, sql: str, arguments: list[Any]) -> Sequence[asyncpg.Record]:
        connection, opened_at, is_fresh = await self._take()
        started = time.perf_counter()
        try:
            records = await connection.fetch(sql, *arguments)
        except LOST as error:
            connection.terminate()
            # A value that the driver cannot encode fails on any connection.
            if is_fresh or isinstance(error, ValueError):
                raise
            # Reading again is safe.
            return await self._run(sql, arguments)
        except asyncpg.PostgresError:
            self._put(connection, opened_at)
            raise
        except BaseException:
            # A timeout or a cancelled request leaves the protocol in mid-answer.
            connection.terminate()
            raise
        finally:
            observe(sql, time.perf_counter() - started)
        self.statements += 1
        self._put(connection, opened_at)
        return cast("Sequence[asyncpg.Record]", records)

    async def _take(self) -> tuple[asyncpg.Connection, float, bool]:
        oldest = time.monotonic() - self._recycle_seconds
        while self._idle:
            connection, opened_at = self._idle.pop()
            if opened_at > oldest and not connection.is_closed():
                return connection, opened_at, False
            connection.terminate()
        return await self._connect(), time.monotonic(), True

    def _put(self, connection: asyncpg.Connection, opened_at: float) -> None:
        if not connection.is_closed():
            self._idle.append((connection, opened_at))
