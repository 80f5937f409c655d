"""Driver transactions: for writes that need no ORM, see ADR 0020.

SQLAlchemy's session costs three times what the INSERT inside it does. Like a session, a driver
transaction begins with its first statement and ends with the unit of work.
"""

from contextlib import suppress
from typing import Any

import asyncpg

from app.db.errors import database_errors
from app.db.pool import LOST, DriverPool, PooledConnection
from app.errors import AppError


class DriverTransaction:
    """One transaction on a connection of the pool; `info` as in a session."""

    def __init__(self, pool: DriverPool, info: dict[str, Any]) -> None:
        self._pool = pool
        self._pooled: PooledConnection | None = None
        self.info = info

    async def connection(self) -> asyncpg.Connection:
        """Return the connection, in the transaction, which this begins if necessary.

        Raises:
            Unavailable: no connection became free in time, or the database is unreachable.
            DeadlineExceeded: the database does not answer in time.
        """
        if self._pooled is None:
            await self._pool.acquire_slot()
            try:
                with database_errors():
                    self._pooled = await self._begin()
            except BaseException:
                self._pool.release_slot()
                raise
        return self._pooled.connection

    async def commit(self) -> None:
        """Commit.

        Raises:
            AppError: as by `connection`, for a constraint checked at the commit, or because
                PostgreSQL rolled back.
        """
        await self._end("COMMIT")

    async def rollback(self, error: BaseException) -> None:
        """Roll back because of the error; never raises an AppError."""
        # A cancelled request does not wait for the answer of a server that may hang.
        if not isinstance(error, Exception):
            self.invalidate()
        with suppress(AppError):  # Then the connection is closed, and the transaction with it.
            await self._end("ROLLBACK")

    def invalidate(self) -> None:
        """Close the connection: its transaction ends with it, and it is not reused."""
        if self._pooled:
            self._pooled.connection.terminate()

    async def _begin(self) -> PooledConnection:
        pooled = await self._pool.acquire()
        try:
            await pooled.connection.execute("BEGIN;")
        except BaseException as error:
            pooled.connection.terminate()
            # BEGIN is the first statement, so it is safe to retry on another connection.
            if pooled.is_fresh or not isinstance(error, LOST):
                raise
            return await self._begin()
        return pooled

    async def _end(self, statement: str) -> None:
        if self._pooled is None:
            return
        try:
            with database_errors():
                done = await self._pooled.connection.execute(statement)
        except BaseException:
            self._pooled.connection.terminate()
            raise
        finally:
            self._pool.release(self._pooled)
            self._pool.release_slot()
        # In a failed transaction PostgreSQL treats COMMIT as ROLLBACK.
        if done != statement:
            raise AppError("The transaction was not committed.")
