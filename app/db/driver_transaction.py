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
    """One transaction on a connection of the pool; `info` is what a session has, too."""

    def __init__(self, pool: DriverPool, info: dict[str, Any]) -> None:
        self._pool = pool
        self._lent: PooledConnection | None = None
        self.info = info

    async def connection(self) -> asyncpg.Connection:
        """The connection, in the transaction.

        Raises:
            Unavailable: no connection became free in time, or the database is away.
            DeadlineExceeded: it does not answer.
        """
        if self._lent is None:
            await self._pool.begin_turn()
            try:
                with database_errors():
                    self._lent = await self._begun()
            except BaseException:
                self._pool.end_turn()
                raise
        return self._lent.connection

    async def commit(self) -> None:
        """End it for good; raises like `connection`, and for what PostgreSQL checks last."""
        await self._end("COMMIT")

    async def undo(self, error: BaseException) -> None:
        """End it as if nothing had happened, because of the error."""
        # Whoever was cancelled does not wait for the answer of a server that may hang.
        if not isinstance(error, Exception):
            self.drop()
        with suppress(AppError):  # Then the connection is gone, and the transaction with it.
            await self._end("ROLLBACK")

    def drop(self) -> None:
        """Close the connection: its transaction ends with it, and nobody gets it again."""
        if self._lent:
            self._lent.connection.terminate()

    async def _begun(self) -> PooledConnection:
        lent = await self._pool.take()
        try:
            await lent.connection.execute("BEGIN;")
        except BaseException as error:
            lent.connection.terminate()
            # Nothing has been sent before it, so that another connection is as good.
            if lent.is_fresh or not isinstance(error, LOST):
                raise
            return await self._begun()
        return lent

    async def _end(self, statement: str) -> None:
        if self._lent is None:
            return
        try:
            with database_errors():
                done = await self._lent.connection.execute(statement)
        except BaseException:
            self._lent.connection.terminate()
            raise
        finally:
            self._pool.give_back(self._lent)
            self._pool.end_turn()
        # Within a transaction that has failed, PostgreSQL takes COMMIT for ROLLBACK.
        if done != statement:
            raise AppError("The transaction was not committed.")
