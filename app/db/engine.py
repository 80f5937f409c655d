"""Engine and pool of the database, with a timeout on every wait."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import asyncpg
from sqlalchemy import NullPool, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.config.settings import Settings
from app.db.compiled import decode_json
from app.db.connection_log import CONNECTION_LOG
from app.db.driver_url import CANNOT_CONNECT, driver_arguments, first_host
from app.db.errors import DatabaseUnavailable, is_unusable_after, translate
from app.db.instrumentation import instrument_engine
from app.db.pool import Pool
from app.db.signals import Signals
from app.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from app.errors import AppError, DeadlineExceeded, Unavailable

CLOSE_SECONDS = 0.5
STATEMENT_CACHE_SIZE = 100
# PgBouncer gives each transaction another connection, where a statement name may be unknown
# or taken.
UNNAMED_STATEMENTS = {
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": lambda: "",
}
# A generic plan scans ten million items for a word that occurs in one of them. Planning a list
# takes a tenth of a millisecond; behind PgBouncer, statements have no name and no cached plan.
# With 4 MB, PostgreSQL forgets which of 80,000 rows match, and tokenizes all rows of their pages.
SEARCH_OPTIONS = {"plan_cache_mode": "force_custom_plan", "work_mem": "16MB"}
NO_OPTIONS: Mapping[str, str] = {}


def create_pool(settings: Settings, url: str, *, size: int | None = None) -> Pool:
    return Pool(
        create_engine(settings, url),
        size=size or settings.database_pool_size,
        exports=settings.exports_per_process,
        wait_seconds=settings.database_pool_timeout_seconds,
        recycle_seconds=settings.database_pool_recycle_seconds,
    )


def create_engine(settings: Settings, url: str) -> AsyncEngine:
    """Create the engine that opens the connections of a pool, and pools none itself."""
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=partial(connect, settings, url, SEARCH_OPTIONS),
        poolclass=NullPool,
        # Units of work begin and commit: app/db/transaction.py.
        isolation_level="AUTOCOMMIT",
        connect_args=UNNAMED_STATEMENTS if is_pooled(settings, url) else {},
        # Values that clients send must not appear in error messages.
        hide_parameters=True,
        json_deserializer=decode_json,
    )
    instrument_engine(engine.sync_engine)
    event.listen(engine.sync_engine, "handle_error", translate_error)
    return engine


def translate_error(context: ExceptionContext) -> AppError | None:
    error = context.original_exception
    if is_unusable_after(error):
        context.is_disconnect = True
    return translate(context.sqlalchemy_exception or error)


@asynccontextmanager
async def unit_of_work(
    settings: Settings, signals: Signals | None = None
) -> AsyncIterator[UnitOfWork]:
    """Open a unit of work on a pool of its own, for commands."""
    pool = create_pool(settings, settings.database_url, size=1)
    try:
        async with UnitOfWorkFactory(pool, signals=signals or Signals({})).begin() as uow:
            yield uow
    finally:
        await pool.close()


async def connect(
    settings: Settings, url: str, options: Mapping[str, str] = NO_OPTIONS
) -> asyncpg.Connection:
    """Open one connection with the service's timeouts, to the first host that accepts.

    Args:
        options: settings of PostgreSQL, omitted behind PgBouncer, which would reject them.

    Raises:
        DatabaseUnavailable: no host accepts; the log has the cause.
        StatementTimeout: the last host did not respond in time.
    """
    try:
        connection = await connect_to_one(settings, url, options)
    except CANNOT_CONNECT as error:
        CONNECTION_LOG.failed(url, error)
        translation = translate(error)
        is_transient = isinstance(translation, Unavailable | DeadlineExceeded)
        raise (translation if is_transient else DatabaseUnavailable()) from error  # type: ignore[misc]
    CONNECTION_LOG.succeeded(url)
    return connection


async def connect_to_one(
    settings: Settings, url: str, options: Mapping[str, str]
) -> asyncpg.Connection:
    opened = partial(connect_to, settings, options, is_pooled=is_pooled(settings, url))
    return await first_host(url, opened)


def is_pooled(settings: Settings, url: str) -> bool:
    return settings.database_pgbouncer and url != settings.session_url


async def connect_to(
    settings: Settings, options: Mapping[str, str], url: str, *, is_pooled: bool
) -> asyncpg.Connection:
    """Connect to one host; `command_timeout` is client-side, for a server that hangs."""
    command_timeout = settings.database_command_timeout_seconds
    given = driver_arguments(url, project_name=settings.project_name)
    given["server_settings"] |= {"timezone": "UTC"}
    if not is_pooled:
        # PgBouncer rejects the limits: behind it they are set on the role (docs/scaling.md).
        given["server_settings"] |= {**limits(command_timeout), **options}
    return await asyncpg.connect(
        **{"timeout": settings.database_connect_timeout_seconds} | given,
        command_timeout=command_timeout,
        statement_cache_size=0 if is_pooled else STATEMENT_CACHE_SIZE,
        connection_class=Connection,
    )


class Connection(asyncpg.Connection):
    """A connection that waits for a server that hangs only briefly when it is closed."""

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109  (asyncpg's)
        await super().close(timeout=min(timeout or CLOSE_SECONDS, CLOSE_SECONDS))


def limits(timeout_seconds: float) -> dict[str, str]:
    """Return server-side limits shorter than ours, so that a slow statement stops on the server."""
    return {
        "statement_timeout": f"{int(timeout_seconds * 900)}ms",
        "lock_timeout": f"{int(timeout_seconds * 500)}ms",
        "idle_in_transaction_session_timeout": "10s",
    }
