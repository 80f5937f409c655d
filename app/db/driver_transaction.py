"""Transactions without a session: for writes that need no ORM, see ADR 0020.

SQLAlchemy's session costs three times what the INSERT inside it does. This one begins with
its first statement and ends with the unit of work, like a session.
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
        """The connection, in the transaction.

        Raises:
            Unavailable: no connection became free in time, or the database is away.
            DeadlineExceeded: it does not answer.
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
        """Commit; raises like `connection`, and for constraints that are checked at the commit."""
        await self._end("COMMIT")

    async def rollback(self, error: BaseException) -> None:
        """Roll back because of the error."""
        # A cancelled request does not wait for the answer of a server that may hang.
        if not isinstance(error, Exception):
            self.invalidate()
        with suppress(AppError):  # Then the connection is gone, and the transaction with it.
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
            # Nothing has been sent before it, so that another connection is as good.
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
        # Within a transaction that has failed, PostgreSQL takes COMMIT for ROLLBACK.
        if done != statement:
            raise AppError("The transaction was not committed.")
