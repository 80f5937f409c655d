"""Transaction on a pooled connection, begun with its first statement."""

import time
from collections.abc import Sequence
from typing import cast

import asyncpg

from app.db.errors import DatabaseUnavailable, database_errors, is_unusable_after
from app.db.instrumentation import observe
from app.db.pool import LOST, Checkout, Pool, PooledConnection, Share
from app.errors import AppError
from app.observability.request_context import audit_context

# Reads are planned at each execution (app/db/engine.py); triggers and writes keep their plans.
CACHED_PLANS = " SET LOCAL plan_cache_mode = auto;"


class Transaction:
    """One transaction; its connection is of `share`, or of that of the current task if None."""

    def __init__(self, pool: Pool, share: Share | None) -> None:
        self._pool = pool
        self._share = share
        self._checkout: Checkout | None = None
        self._pooled: PooledConnection | None = None
        self._is_ended = self._is_single = False

    @property
    def is_lost(self) -> bool:
        return self._pooled is not None and self._pooled.driver.is_closed()

    async def connection(self) -> PooledConnection:
        """Return the connection, in the transaction, which this begins if necessary.

        Raises:
            Unavailable: no connection became free in time, or the database is unreachable.
            DeadlineExceeded: the database does not respond in time.
        """
        if self._pooled is None:
            self._check_open(is_begun=self._checkout is not None)
            self._checkout = Checkout(self._share or self._pool.share_of_task())
            try:
                await self._checkout.acquire()
                with database_errors():
                    acquire = self._pool.acquire() if self._is_single else begin(self._pool)
                    self._pooled = await acquire
                self._check_open()
            except BaseException:
                self._release()
                raise
        return self._pooled

    async def fetch(self, sql: str, *arguments: object) -> Sequence[asyncpg.Record]:
        """Run SQL with the driver's arguments and return its records.

        Raises:
            AppError: as `database_errors` translates it.
        """
        connection = await self.connection()
        started = time.perf_counter()
        try:
            with database_errors():
                records = await connection.driver.fetch(sql, *arguments)
        except BaseException as error:
            if is_broken_by(error):
                connection.terminate()
            raise
        finally:
            observe(sql, time.perf_counter() - started)
        return cast("Sequence[asyncpg.Record]", records)

    async def fetch_last(self, sql: str, *arguments: object) -> Sequence[asyncpg.Record]:
        """Run the last statement; if it is the only one, PostgreSQL commits with it.

        BEGIN and COMMIT would be two more round trips.

        Raises:
            AppError: as by `fetch`. If the connection was lost, the statement may be committed.
        """
        self._is_single = self._pooled is None
        try:
            return await self.fetch(sql, *arguments)
        finally:
            if self._is_single:
                self._is_ended = True
                self._release()

    async def end(self, statement: str) -> None:
        """Run COMMIT or ROLLBACK, and release the connection.

        Raises:
            AppError: as by `fetch`, or because PostgreSQL rolled back instead of committing.
        """
        self._is_ended = True
        if self._pooled is None:
            return
        try:
            with database_errors():
                done = await self._pooled.driver.execute(statement)
        except BaseException:
            self._pooled.terminate()
            raise
        finally:
            self._release()
        # In a failed transaction PostgreSQL treats COMMIT as ROLLBACK.
        if done != statement:
            raise AppError("The transaction was not committed.")

    def terminate(self) -> None:
        """Close the connection: the transaction ends with it."""
        if self._pooled:
            self._pooled.terminate()

    def _check_open(self, *, is_begun: bool = False) -> None:
        if self._is_ended or is_begun:
            raise RuntimeError("The transaction has ended, or two tasks begin it at once.")

    def _release(self) -> None:
        if self._pooled:
            self._pool.release(self._pooled)
        if self._checkout:
            self._checkout.release()
        self._pooled = self._checkout = None


async def begin(pool: Pool) -> PooledConnection:
    """Begin a transaction; an idle connection that is lost is replaced by the next."""
    pooled = await pool.acquire()
    try:
        await pooled.driver.execute(f"BEGIN;{CACHED_PLANS}{actor_settings()}")
    except BaseException as error:
        pooled.terminate()
        # BEGIN is the first statement, so it is safe to retry on another connection.
        if pooled.is_fresh or not isinstance(error, LOST):
            raise
        return await begin(pool)
    return pooled


def actor_settings() -> str:
    """Return SET LOCAL statements from the request context, which audit triggers read: ADR 0010."""
    return "".join(f" SET LOCAL app.{name} = '{value}';" for name, value in audit_context().items())


def is_broken_by(error: BaseException) -> bool:
    """Return whether the connection must not be reused after an error of `database_errors`."""
    is_lost = isinstance(error, DatabaseUnavailable) or not isinstance(error, Exception)
    return is_lost or is_unusable_after(error.__cause__ or error)
