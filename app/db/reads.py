"""The read path: SELECTs written with the models, compiled once, run by asyncpg itself.

An ORM session spends four fifths of a simple read on building the statement, a
transaction and objects that live for one response. Here the models still say what is
selected; what remains at run time is one round trip. Writes use the ORM: see ADR 0002.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any, cast

import asyncpg
from sqlalchemy import JSON, ColumnElement, Dialect, Float, Select
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.types import TypeEngine

from app.core.errors import Unavailable
from app.db.errors import database_errors

Row = dict[str, Any]
Convert = Callable[[Any], Any]
Connect = Callable[[], Awaitable[asyncpg.Connection]]

DIALECT: Dialect = asyncpg_dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's
NUMERIC, FLOAT8 = 1700, 701  # pg_type.oid
CHUNK_ROWS = 1000
# What tells that there is no connection any more, as after a restart of the server.
LOST = (
    ConnectionError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)


class Query:
    """A SELECT compiled once; bound parameters are given by name when it runs."""

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        compiled = statement.compile(dialect=DIALECT)
        self.sql = str(compiled)
        self._defaults = dict(compiled.params)
        # The processors have no public access; asyncpg's dialect never makes a tuple of one.
        processors = cast("dict[str, Convert]", compiled._bind_processors)  # noqa: SLF001
        self._binds = [(name, processors.get(name)) for name in compiled.positiontup or ()]
        self._conversions = [
            (str(column.key), convert)
            for column in statement.selected_columns
            if isinstance(column, ColumnElement) and (convert := conversion(column.type))
        ]

    def arguments(self, values: Row) -> list[Any]:
        """The values in the order of `$1`, `$2` ..., as SQLAlchemy would send them."""
        given = {**self._defaults, **values}
        return [convert(given[name]) if convert else given[name] for name, convert in self._binds]

    def row(self, record: asyncpg.Record) -> Row:
        """The record as a dictionary, its values converted as SQLAlchemy would."""
        row = dict(record)
        for key, convert in self._conversions:
            row[key] = convert(row[key])
        return row


def conversion(type_: TypeEngine[Any]) -> Convert | None:
    """What SQLAlchemy does to a value of this type after asyncpg decoded it."""
    if isinstance(type_, JSON):
        return decoded  # SQLAlchemy does this in a codec of its own connections.
    # asyncpg decodes `numeric` to Decimal and `float8` to float; only numbers look at this.
    oid = FLOAT8 if isinstance(type_, Float) else NUMERIC
    return cast("Convert | None", type_.dialect_impl(DIALECT).result_processor(DIALECT, oid))


def decoded(document: str | None) -> Any:
    # Amounts in snapshots of rows keep their two places.
    return None if document is None else json.loads(document, parse_float=Decimal)


class ReadPool:
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
        self.statements = 0

    async def all(self, query: Query, **values: Any) -> list[Row]:
        """Every row of the answer.

        Raises:
            Unavailable: no connection became free in time, or the database is away.
            DeadlineExceeded: the statement took longer than its timeout.
        """
        return [query.row(record) for record in await self._fetch(query, values)]

    async def first(self, query: Query, **values: Any) -> Row | None:
        """The first row or None; raises like `all`."""
        records = await self._fetch(query, values)
        return query.row(records[0]) if records else None

    async def scalar(self, query: Query, **values: Any) -> Any:
        """The first column of the first row or None; raises like `all`."""
        row = await self.first(query, **values)
        return next(iter(row.values())) if row else None

    async def stream(self, query: Query, **values: Any) -> AsyncIterator[list[Row]]:
        """Every row of one snapshot, in chunks, through a cursor of the server.

        On a connection of its own: a slow reader must not keep one of the pool's.
        """
        connection = await self._connect()
        try:
            with database_errors():
                async with connection.transaction(isolation="repeatable_read", readonly=True):
                    cursor = await connection.cursor(query.sql, *query.arguments(values))
                    while records := await cursor.fetch(CHUNK_ROWS):
                        yield [query.row(record) for record in records]
        finally:
            connection.terminate()

    async def close(self) -> None:
        while self._idle:
            self._idle.pop()[0].terminate()

    async def _fetch(self, query: Query, values: Row) -> Sequence[asyncpg.Record]:
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
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._free.acquire()
        except TimeoutError:
            raise Unavailable("All database connections are busy.") from None

    async def _run(self, sql: str, arguments: list[Any]) -> Sequence[asyncpg.Record]:
        connection, opened_at, is_fresh = await self._take()
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
