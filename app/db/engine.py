"""The engine: a pool of connections with a limit on every wait."""

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import await_

from app.core.attribution import attribution
from app.core.config import Settings
from app.core.errors import AppError
from app.core.urls import one_host_each
from app.db.errors import database_errors, is_useless_after, translate
from app.db.observation import ObservedPool, observe_engine
from app.db.pool import DriverPool
from app.db.queries import decoded
from app.db.reads import ReadPool

CLOSE_SECONDS = 0.5
STATEMENT_CACHE_SIZE = 100
# PgBouncer gives each transaction another connection, where a name would be unknown or taken.
UNNAMED_STATEMENTS = {
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": lambda: "",
}
# One plan for all values walks ten million items for a word that stands in one of them. Planning a
# list takes a tenth of a millisecond; PgBouncer's statements have no name and no plan that is kept.
PLANNED_ANEW = {"plan_cache_mode": "force_custom_plan"}
NO_OPTIONS: Mapping[str, str] = {}
NEXT_HOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


def create_engine(settings: Settings) -> AsyncEngine:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=partial(connect, settings, settings.database_url),
        poolclass=ObservedPool,
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_max_overflow,
        pool_timeout=settings.database_pool_timeout_seconds,
        pool_recycle=settings.database_pool_recycle_seconds,
        pool_pre_ping=settings.database_pool_pre_ping,
        connect_args=UNNAMED_STATEMENTS if settings.database_pgbouncer else {},
        # What people send us has no place in the text of an error.
        hide_parameters=True,
        json_deserializer=decoded,
    )
    engine.dialect.do_ping = begin  # type: ignore[method-assign]  # ADR 0020
    observe_engine(engine.sync_engine)
    event.listen(engine.sync_engine, "handle_error", translate_error)
    return engine


def create_reads(settings: Settings, url: str, *, size: int | None = None) -> ReadPool:
    return ReadPool(
        partial(connect, settings, url, PLANNED_ANEW),
        size=size or settings.database_read_pool_size,
        wait_seconds=settings.database_pool_timeout_seconds,
        recycle_seconds=settings.database_pool_recycle_seconds,
        cursors=settings.exports_per_process,
    )


def create_direct_pool(settings: Settings) -> DriverPool:
    return DriverPool(
        "direct",
        partial(connect, settings, settings.database_url),
        size=settings.database_direct_pool_size,
        wait_seconds=settings.database_pool_timeout_seconds,
        recycle_seconds=settings.database_pool_recycle_seconds,
    )


def begin(dbapi_connection: Any) -> bool:
    """The ping: BEGIN, which is next in any case, tells as well whether the connection lives.

    SQLAlchemy's own sends BEGIN and ROLLBACK for it, three round trips: see ADR 0020.
    """
    await_(dbapi_connection._start_transaction())  # noqa: SLF001  (the dialect's own)
    return True


def translate_error(context: ExceptionContext) -> AppError | None:
    error = context.original_exception
    if context.is_pre_ping:
        return None  # The pool replaces a dead connection if it sees SQLAlchemy's own error.
    if is_useless_after(error):
        context.is_disconnect = True
    return translate(context.sqlalchemy_exception or error)


async def connect(
    settings: Settings, url: str, options: Mapping[str, str] = NO_OPTIONS
) -> asyncpg.Connection:
    """Open one connection with the service's timeouts, to the first host that will have it.

    `options` are settings of PostgreSQL, which PgBouncer would refuse.

    Raises:
        DatabaseUnavailable: refused, unreachable, or too many connections.
    """
    *others, last = [each.geturl() for each in one_host_each(plain(url))]
    with database_errors():
        for each in others:
            # Each has a time of its own: a machine that is gone does not even refuse.
            with suppress(*NEXT_HOST):
                return await connect_to(settings, each, options, is_pooled=is_pooled(settings, url))
        return await connect_to(settings, last, options, is_pooled=is_pooled(settings, url))


def plain(url: str) -> str:
    """As asyncpg itself reads it."""
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)


def is_pooled(settings: Settings, url: str) -> bool:
    return settings.database_pgbouncer and url != settings.session_url


async def connect_to(
    settings: Settings, url: str, options: Mapping[str, str], *, is_pooled: bool
) -> asyncpg.Connection:
    """`command_timeout` is on our side of the wire, for a server that hangs."""
    command_timeout = settings.database_command_timeout_seconds
    identity = {"application_name": settings.project_name, "timezone": "UTC"}
    direct = {**identity, **limits(command_timeout), **options}
    return await asyncpg.connect(
        url,
        timeout=settings.database_connect_timeout_seconds,
        command_timeout=command_timeout,
        # PgBouncer refuses the limits: behind it the role has them (docs/scaling.md).
        server_settings=identity if is_pooled else direct,
        statement_cache_size=0 if is_pooled else STATEMENT_CACHE_SIZE,
        connection_class=Connection,
    )


class Connection(asyncpg.Connection):
    """A connection whose transactions say who acts, and which closes without patience.

    Closing waits for the server's leave, which one that hangs never gives.
    """

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:  # noqa: ASYNC109  (asyncpg's)
        # Along with BEGIN, so that it costs no round trip; triggers write it down (ADR 0010).
        if query.startswith("BEGIN"):
            query += signature()
        return await super().execute(query, *args, timeout=timeout)

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109  (asyncpg's)
        await super().close(timeout=min(timeout or CLOSE_SECONDS, CLOSE_SECONDS))


def signature() -> str:
    """Statements that hold for one transaction."""
    return "".join(f" SET LOCAL app.{name} = '{value}';" for name, value in attribution().items())


def limits(command_timeout: float) -> dict[str, str]:
    """PostgreSQL's own limits come before ours, so that a slow statement also stops there."""
    return {
        "statement_timeout": f"{int(command_timeout * 900)}ms",
        "lock_timeout": f"{int(command_timeout * 500)}ms",
        "idle_in_transaction_session_timeout": "10s",
    }
