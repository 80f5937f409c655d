"""The unit of work: one session, one transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm.exc import StaleDataError

from app.core.errors import PreconditionFailed
from app.db.errors import DatabaseUnavailable

__all__ = ["AsyncSession", "Sessionmaker", "create_sessionmaker", "transaction"]

Sessionmaker = async_sessionmaker[AsyncSession]


def create_sessionmaker(engine: AsyncEngine) -> Sessionmaker:
    # A response is built after the commit: expired attributes would be I/O there.
    return async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def transaction(sessions: Sessionmaker) -> AsyncIterator[AsyncSession]:
    """Commit on success, roll back on error.

    Raises:
        PreconditionFailed: a row changed between reading and writing it.
        DatabaseUnavailable: no connection became free in time.
    """
    try:
        async with sessions.begin() as session:
            yield session
    except StaleDataError as error:
        raise PreconditionFailed("The resource changed since it was read.") from error
    except PoolTimeout as error:
        raise DatabaseUnavailable("All database connections are busy.") from error
