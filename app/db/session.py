"""Unit of work: one session, one transaction."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm.exc import StaleDataError

from app.db.compiled_insert import Transaction, run
from app.db.driver_transaction import DriverTransaction
from app.db.errors import DatabaseUnavailable, StatementTimeout
from app.db.notifications import NOTIFY, Notifications
from app.db.pool import DriverPool
from app.db.signals import Signals
from app.errors import PreconditionFailed

__all__ = [
    "AsyncSession",
    "DriverTransaction",
    "Sessionmaker",
    "Transaction",
    "create_sessionmaker",
    "driver_transaction",
    "notify",
    "transaction",
    "when_committed",
]

Sessionmaker = async_sessionmaker[AsyncSession]


def create_sessionmaker(
    engine: AsyncEngine,
    notifications: Notifications | None = None,
    signals: Signals | None = None,
) -> Sessionmaker:
    """Create the session factory for `transaction`.

    Sessions publish to `notifications` when they commit, and emit to the receivers of `signals`.
    """
    info = {"hub": notifications or Notifications(), "signals": signals or Signals({})}
    # A response is built after the commit: expired attributes would be I/O there.
    return async_sessionmaker(engine, expire_on_commit=False, info=info)


async def notify(session: Transaction, channel: str, payload: str) -> None:
    """Notify every process when, and only if, the transaction commits; this process first."""
    session.info.setdefault("notifications", []).append((channel, payload))
    if session.info["hub"].publish is None:
        await run(session, NOTIFY, channel=channel, payload=payload)


def when_committed(session: Transaction, do: Callable[..., Any], *arguments: Any) -> None:
    """Call a non-blocking function if the transaction commits, for example to count rows."""
    session.info.setdefault("when_committed", []).append(partial(do, *arguments))


@asynccontextmanager
async def transaction(sessions: Sessionmaker) -> AsyncIterator[AsyncSession]:
    """Open a transaction: commit on success, roll back on error.

    Raises:
        PreconditionFailed: a row changed between reading and writing it.
        DatabaseUnavailable: no connection became free in time.
        StatementTimeout: the server does not answer.
    """
    try:
        async with sessions.begin() as session:
            yield session
        await publish(session)
    except StaleDataError as error:
        raise PreconditionFailed("The resource changed since it was read.") from error
    except TimeoutError as error:
        # From the ping before the first statement, which SQLAlchemy does not wrap.
        raise StatementTimeout from error
    except PoolTimeout as error:
        raise DatabaseUnavailable("All database connections are busy.") from error


@asynccontextmanager
async def driver_transaction(
    pool: DriverPool, sessions: Sessionmaker
) -> AsyncIterator[DriverTransaction]:
    """Open a transaction without a session; raises what its statements raise."""
    work = DriverTransaction(pool, {**sessions.kw["info"]})
    try:
        yield work
    except BaseException as error:
        await work.rollback(error)
        raise
    await work.commit()
    await publish(work)


async def publish(session: Transaction) -> None:
    """Run the `when_committed` calls and publish the notifications of the transaction."""
    hub: Notifications = session.info["hub"]
    for do in session.info.pop("when_committed", ()):
        do()
    hub.committed()
    for channel, payload in session.info.pop("notifications", ()):
        # The listener of this process also receives it, possibly after the client's next request.
        hub.receive(channel, payload)
        if hub.publish:
            await hub.publish(channel, payload)
