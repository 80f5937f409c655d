"""The unit of work: one session, one transaction."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm.exc import StaleDataError

from app.db.compiled_insert import Transaction, run
from app.db.driver_transaction import DirectTransaction
from app.db.errors import DatabaseUnavailable, StatementTimeout
from app.db.notifications import NOTIFY
from app.db.pool import DriverPool
from app.errors import PreconditionFailed

__all__ = [
    "AsyncSession",
    "DirectTransaction",
    "Sessionmaker",
    "Transaction",
    "create_sessionmaker",
    "direct_transaction",
    "notify",
    "transaction",
    "when_committed",
]

Sessionmaker = async_sessionmaker[AsyncSession]
Publish = Callable[[str, str], Awaitable[None]]
Handlers = Mapping[str, Callable[[str], None]]


def create_sessionmaker(
    engine: AsyncEngine,
    publish: Publish | None = None,
    handlers: Handlers | None = None,
    on_commit: Callable[[], None] | None = None,
) -> Sessionmaker:
    """Sessions for `transaction`.

    `publish` takes notifications to where others listen; `handlers` are what this process
    does about them, by channel; `on_commit` is called after each commit.
    """
    info = {
        "publish": publish,
        "handlers": {} if handlers is None else handlers,
        "on_commit": on_commit,
    }
    # A response is built after the commit: expired attributes would be I/O there.
    return async_sessionmaker(engine, expire_on_commit=False, info=info)


async def notify(session: Transaction, channel: str, payload: str) -> None:
    """Tell every process when, and only if, the transaction commits; this one at once."""
    session.info.setdefault("notifications", []).append((channel, payload))
    if session.info["publish"] is None:
        await run(session, NOTIFY, channel=channel, payload=payload)


def when_committed(session: Transaction, do: Callable[..., Any], *arguments: Any) -> None:
    """Call something quick if the transaction commits, as counting what it did."""
    session.info.setdefault("when_committed", []).append(partial(do, *arguments))


@asynccontextmanager
async def transaction(sessions: Sessionmaker) -> AsyncIterator[AsyncSession]:
    """Commit on success, roll back on error.

    Raises:
        PreconditionFailed: a row changed between reading and writing it.
        DatabaseUnavailable: no connection became free in time.
        StatementTimeout: the server does not answer.
    """
    try:
        async with sessions.begin() as session:
            yield session
        await tell(session)
    except StaleDataError as error:
        raise PreconditionFailed("The resource changed since it was read.") from error
    except TimeoutError as error:
        # From the ping before the first statement, where SQLAlchemy passes it on as it is.
        raise StatementTimeout from error
    except PoolTimeout as error:
        raise DatabaseUnavailable("All database connections are busy.") from error


@asynccontextmanager
async def direct_transaction(
    pool: DriverPool, sessions: Sessionmaker
) -> AsyncIterator[DirectTransaction]:
    """The same without a session; raises what its statements raise."""
    work = DirectTransaction(pool, {**sessions.kw["info"]})
    try:
        yield work
    except BaseException as error:
        await work.undo(error)
        raise
    await work.commit()
    await tell(work)


async def tell(session: Transaction) -> None:
    handlers, publish = session.info["handlers"], session.info["publish"]
    for do in session.info.pop("when_committed", ()):
        do()
    if session.info["on_commit"]:
        session.info["on_commit"]()
    for channel, payload in session.info.pop("notifications", ()):
        # Our own listener hears it, too, but possibly after the client's next request.
        if channel in handlers:
            handlers[channel](payload)
        if publish:
            await publish(channel, payload)
