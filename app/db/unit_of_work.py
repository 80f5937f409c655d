"""Unit of work: one transaction on one connection, for compiled statements and an ORM session.

The connection is acquired, and the transaction begun, with the first statement. See ADR 0033.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import asyncpg
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.util import await_

from app.db.compiled import CompiledStatement, R
from app.db.errors import DatabaseUnavailable
from app.db.notifications import NOTIFY, Notifications
from app.db.pool import Pool, Share
from app.db.signals import Signal, Signals
from app.db.transaction import Transaction
from app.errors import AppError, PreconditionFailed


class UnitOfWork:
    """One transaction, which `UnitOfWorkFactory.begin` commits or rolls back."""

    def __init__(
        self, pool: Pool, share: Share | None, notifications: Notifications, signals: Signals
    ) -> None:
        self._transaction = Transaction(pool, share)
        self._notifications = notifications
        self._signals = signals
        self._session: AsyncSession | None = None
        self._notified: list[tuple[str, str]] = []
        self._when_committed: list[Callable[[], Any]] = []

    @property
    def session(self) -> AsyncSession:
        """The ORM session of the transaction, created when first used."""
        if self._session is None:
            # A response is built after the commit: expired attributes would be I/O there.
            self._session = AsyncSession(
                sync_session_class=UnitOfWorkSession,
                expire_on_commit=False,
                info={"transaction": self._transaction},
            )
        return self._session

    async def execute(self, statement: CompiledStatement[R], **values: Any) -> list[R]:
        """Run a statement and return its rows; flush no pending objects of the session.

        Raises:
            AppError: as `database_errors` translates it.
        """
        return statement.rows(await self.fetch(statement.sql, *statement.arguments(values)))

    async def execute_last(self, statement: CompiledStatement[R], **values: Any) -> list[R]:
        """Run the last statement, which commits by itself if it is the only one.

        It has to set what audit triggers read, as `compiled_insert` does. Raises like `execute`.
        """
        await self._enter_savepoint()
        records = await self._transaction.fetch_last(statement.sql, *statement.arguments(values))
        return statement.rows(records)

    async def fetch(self, sql: str, *arguments: object) -> Sequence[asyncpg.Record]:
        """Run SQL with the driver's arguments and return its records; raises like `execute`."""
        await self._enter_savepoint()
        return await self._transaction.fetch(sql, *arguments)

    async def notify(self, channel: str, payload: str) -> None:
        """Notify every process when, and only if, the transaction commits; this process first."""
        self._notified.append((channel, payload))
        if self._notifications.publish is None:
            await self.execute(NOTIFY, channel=channel, payload=payload)

    def when_committed(self, do: Callable[..., Any], *arguments: Any) -> None:
        """Call a non-blocking function if the transaction commits, for example to count rows."""
        self._when_committed.append(partial(do, *arguments))

    async def emit(self, signal: Signal) -> None:
        """Call the receivers of a signal in order, in this transaction."""
        await self._signals.send(self, signal)

    async def commit(self) -> None:
        """Flush the session and commit.

        Raises:
            DatabaseUnavailable: the connection was lost within the transaction.
            AppError: as by `execute`, for a constraint checked at the commit, or because
                PostgreSQL rolled back.
            StaleDataError: a row changed between reading and writing it.
        """
        if self._transaction.is_lost:
            raise DatabaseUnavailable
        if self._session:
            await self._session.commit()  # Flushes: in AUTOCOMMIT it commits nothing.
        await self._close_session()
        await self._transaction.end("COMMIT")

    async def rollback(self, error: BaseException) -> None:
        """Roll back because of the error; never raises an AppError."""
        # A cancelled request does not wait for the response of a server that may hang.
        if not isinstance(error, Exception):
            self._transaction.terminate()
        try:
            await self._close_session()
        finally:
            with suppress(AppError):  # Then the connection is closed, and the transaction with it.
                await self._transaction.end("ROLLBACK")

    async def publish(self) -> None:
        """Run the `when_committed` calls and publish the notifications of the transaction."""
        for do in self._when_committed:
            do()
        self._notifications.committed()
        for channel, payload in self._notified:
            # The listener of this process also receives it, maybe after the client's next request.
            self._notifications.receive(channel, payload)
            if self._notifications.publish:
                await self._notifications.publish(channel, payload)

    async def _enter_savepoint(self) -> None:
        if self._session and self._session.in_nested_transaction():
            # SQLAlchemy sends SAVEPOINT with the first statement of its own.
            await self._session.connection()

    async def _close_session(self) -> None:
        session, self._session = self._session, None
        if session:
            await session.close()


class UnitOfWorkSession(Session):
    """A session on the connection of its unit of work, acquired with the first statement."""

    def get_bind(self, *_: Any, **__: Any) -> Connection:
        """Return SQLAlchemy's connection.

        Raises:
            DatabaseUnavailable: the connection was lost within the transaction.
        """
        transaction: Transaction = self.info["transaction"]
        connection = await_(transaction.connection())
        if transaction.is_lost:
            # SQLAlchemy would open another, outside of the pool and of the transaction.
            raise DatabaseUnavailable
        return cast("Connection", connection.orm.sync_connection)

    def rollback(self) -> None:
        """Raise RuntimeError: SQLAlchemy's connection is in AUTOCOMMIT and would undo nothing."""
        raise RuntimeError("The unit of work rolls back: raise an error, or use begin_nested().")


@dataclass(frozen=True)
class UnitOfWorkFactory:
    """Opens units of work on a pool; `share` is that of the current task if None.

    They publish to `notifications` when they commit, and emit to the receivers of `signals`.
    """

    pool: Pool
    notifications: Notifications = field(default_factory=Notifications)
    signals: Signals = field(default_factory=lambda: Signals({}))
    share: Share | None = None

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[UnitOfWork]:
        """Open a unit of work: commit on success, roll back on error.

        Raises:
            PreconditionFailed: a row changed between reading and writing it.
            AppError: as `UnitOfWork.commit`.
        """
        uow = UnitOfWork(self.pool, self.share, self.notifications, self.signals)
        try:
            yield uow
            await uow.commit()
        except StaleDataError as error:
            await uow.rollback(error)
            raise PreconditionFailed("The resource changed since it was read.") from error
        except BaseException as error:
            await uow.rollback(error)
            raise
        await uow.publish()
