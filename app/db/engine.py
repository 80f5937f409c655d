"""SQLAlchemy engine and driver pools, with a timeout on every wait."""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import await_

from app.config.settings import Settings
from app.db.compiled import decode_json
from app.db.connection_log import CONNECTION_LOG
from app.db.driver_url import CANNOT_CONNECT, driver_arguments, first_host
from app.db.errors import DatabaseUnavailable, is_unusable_after, translate
from app.db.executor import ReadPool
from app.db.instrumentation import InstrumentedPool, instrument_engine
from app.db.pool import DriverPool
from app.db.schema_changes import SCHEMA_AGE
from app.errors import AppError, DeadlineExceeded, Unavailable
from app.observability.request_context import audit_context

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
CUSTOM_PLANS = {"plan_cache_mode": "force_custom_plan"}
NO_OPTIONS: Mapping[str, str] = {}


def create_engine(settings: Settings) -> AsyncEngine:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=partial(connect, settings, settings.database_url),
        poolclass=InstrumentedPool,
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_max_overflow,
        pool_timeout=settings.database_pool_timeout_seconds,
        pool_recycle=settings.database_pool_recycle_seconds,
        pool_pre_ping=settings.database_pool_pre_ping,
        connect_args=UNNAMED_STATEMENTS if settings.database_pgbouncer else {},
        # Values that clients send must not appear in error messages.
        hide_parameters=True,
        json_deserializer=decode_json,
    )
    engine.dialect.do_ping = begin  # type: ignore[method-assign]  # ADR 0020
    instrument_engine(engine.sync_engine)
    event.listen(engine.sync_engine, "handle_error", translate_error)
    event.listen(engine.sync_engine, "connect", record_opened_at)
    event.listen(engine.sync_engine, "checkout", refuse_outdated)
    return engine


def create_reads(settings: Settings, url: str, *, size: int | None = None) -> ReadPool:
    return ReadPool(
        partial(connect, settings, url, CUSTOM_PLANS),
        size=size or settings.database_read_pool_size,
        wait_seconds=settings.database_pool_timeout_seconds,
        recycle_seconds=settings.database_pool_recycle_seconds,
        cursors=settings.exports_per_process,
    )


def create_driver_pool(settings: Settings) -> DriverPool:
    return DriverPool(
        "direct",
        partial(connect, settings, settings.database_url),
        size=settings.database_direct_pool_size,
        wait_seconds=settings.database_pool_timeout_seconds,
        recycle_seconds=settings.database_pool_recycle_seconds,
    )


def begin(dbapi_connection: Any) -> bool:
    """Ping with BEGIN, which follows in any case and fails on a dead connection.

    SQLAlchemy's own ping wraps its query in BEGIN and ROLLBACK, three round trips: see ADR 0020.
    """
    await_(dbapi_connection._start_transaction())  # noqa: SLF001  (the dialect's own)
    return True


def record_opened_at(_: Any, record: ConnectionPoolEntry) -> None:
    record.info["opened_at"] = time.monotonic()


def refuse_outdated(_: Any, record: ConnectionPoolEntry, __: Any) -> None:
    """Have the pool replace a connection that was opened before the schema changed."""
    if SCHEMA_AGE.is_outdated(record.info["opened_at"]):
        raise DisconnectionError


def translate_error(context: ExceptionContext) -> AppError | None:
    error = context.original_exception
    if context.is_pre_ping:
        return None  # The pool replaces a dead connection only on SQLAlchemy's own error.
    if is_unusable_after(error):
        context.is_disconnect = True
    return translate(context.sqlalchemy_exception or error)


async def connect(
    settings: Settings, url: str, options: Mapping[str, str] = NO_OPTIONS
) -> asyncpg.Connection:
    """Open one connection with the service's timeouts, to the first host that accepts.

    Args:
        options: settings of PostgreSQL, omitted behind PgBouncer, which would reject them.

    Raises:
        DatabaseUnavailable: no host accepts; the log has the cause.
        StatementTimeout: the last host did not answer in time.
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
    """A connection whose transactions carry the acting user, with a short timeout on closing.

    Closing waits for the server, and one that hangs never answers.
    """

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:  # noqa: ASYNC109  (asyncpg's)
        # Along with BEGIN, so that it costs no round trip; audit triggers read it (ADR 0010).
        if query.startswith("BEGIN"):
            query += actor_settings()
        return await super().execute(query, *args, timeout=timeout)

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109  (asyncpg's)
        await super().close(timeout=min(timeout or CLOSE_SECONDS, CLOSE_SECONDS))


def actor_settings() -> str:
    """Return SET LOCAL statements, valid for one transaction, from the request context."""
    return "".join(f" SET LOCAL app.{name} = '{value}';" for name, value in audit_context().items())


def limits(timeout_seconds: float) -> dict[str, str]:
    """Return server-side limits shorter than ours, so that a slow statement stops on the server."""
    return {
        "statement_timeout": f"{int(timeout_seconds * 900)}ms",
        "lock_timeout": f"{int(timeout_seconds * 500)}ms",
        "idle_in_transaction_session_timeout": "10s",
    }
