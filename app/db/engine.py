"""The engine: a pool of connections with a limit on every wait."""

from functools import partial

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.core.config import Settings
from app.core.errors import AppError
from app.db.errors import database_errors, translate


def create_engine(settings: Settings) -> AsyncEngine:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=partial(connect, settings, settings.database_url),
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_max_overflow,
        pool_timeout=settings.database_pool_timeout_seconds,
        pool_recycle=settings.database_pool_recycle_seconds,
        pool_pre_ping=settings.database_pool_pre_ping,
    )
    event.listen(engine.sync_engine, "handle_error", translate_error)
    return engine


def translate_error(context: ExceptionContext) -> AppError | None:
    error = context.original_exception
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
        )


def server_settings(settings: Settings, command_timeout: float) -> dict[str, str]:
    return {
        "application_name": settings.project_name,
        "timezone": "UTC",
        "statement_timeout": f"{int(command_timeout * 900)}ms",
        "lock_timeout": f"{int(command_timeout * 500)}ms",
        "idle_in_transaction_session_timeout": "10s",
    }
