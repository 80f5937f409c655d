"""The engine: a pool of connections with a limit on every wait."""

from functools import partial
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.core.attribution import attribution
from app.core.config import Settings
from app.core.errors import AppError
from app.db.errors import database_errors, translate
from app.db.reads import decoded

CLOSE_SECONDS = 0.5


def create_engine(settings: Settings) -> AsyncEngine:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=partial(connect, settings, settings.database_url),
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_max_overflow,
        pool_timeout=settings.database_pool_timeout_seconds,
        pool_recycle=settings.database_pool_recycle_seconds,
        pool_pre_ping=settings.database_pool_pre_ping,
        # What people send us has no place in the text of an error.
        hide_parameters=True,
        json_deserializer=decoded,
    )
    event.listen(engine.sync_engine, "handle_error", translate_error)
    return engine


def translate_error(context: ExceptionContext) -> AppError | None:
    error = context.original_exception
    if context.is_pre_ping:
        return None  # The pool replaces a dead connection if it sees SQLAlchemy's own error.
    if isinstance(error, TimeoutError):
        # The server may still be busy with the statement: the connection is of no more use.
        context.is_disconnect = True
    return translate(context.sqlalchemy_exception or error)


async def connect(settings: Settings, url: str) -> asyncpg.Connection:
    """Open one connection with the service's timeouts.

    `command_timeout` is on our side of the wire, for a server that hangs; PostgreSQL's
    own `statement_timeout` comes first, so that a slow statement also stops there.

    Raises:
        DatabaseUnavailable: refused, unreachable, or too many connections.
    """
    command_timeout = settings.database_command_timeout_seconds
    with database_errors():
        return await asyncpg.connect(
            url.replace("postgresql+asyncpg://", "postgresql://", 1),
            timeout=settings.database_connect_timeout_seconds,
            command_timeout=command_timeout,
            server_settings=server_settings(settings, command_timeout),
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


def server_settings(settings: Settings, command_timeout: float) -> dict[str, str]:
    return {
        "application_name": settings.project_name,
        "timezone": "UTC",
        "statement_timeout": f"{int(command_timeout * 900)}ms",
        "lock_timeout": f"{int(command_timeout * 500)}ms",
        "idle_in_transaction_session_timeout": "10s",
    }
