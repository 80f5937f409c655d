"""Run migrations on the service's own database, one runner at a time."""

import asyncio
import re
import time
from functools import partial
from typing import Any

import asyncpg
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from alembic import context
from app.config.settings import ConfigError, get_settings
from app.db.base import Base
from app.db.driver_url import CANNOT_CONNECT, driver_arguments, first_host
from app.db.errors import driver_error, sqlstate
from app.db.grants import grant_service
from app.feature import load_models

# Any constant will do, as long as every replica waits for the same one.
ADVISORY_LOCK = 7_246_391
POLL_SECONDS = 0.2
LOCK_TIMEOUT_MS = 900
# Before the first release, migrations had numbers for names and were squashed into today's.
SQUASHED = re.compile(r"\d{4}")
LOCK_NOT_AVAILABLE = "55P03"
# Between attempts; after the last one the migrations fail, and may be started again.
PAUSES_SECONDS = (0.5, 1, 2, 4, 8, 8)


def migrate(connection: Connection) -> None:
    acquire_lock(connection)
    reject_squashed(connection)
    event.listen(connection, "before_cursor_execute", limit_locks)
    for pause in PAUSES_SECONDS:
        if has_run(connection):
            return
        time.sleep(pause)
    if not has_run(connection):
        raise ConfigError("Another transaction keeps a table locked: end it, then migrate again.")


def has_run(connection: Connection) -> bool:
    """Run the migrations; False if a lock was not to be had in time."""
    try:
        run(connection)
    except DBAPIError as error:
        if sqlstate(error) != LOCK_NOT_AVAILABLE:
            raise
        connection.rollback()
        return False
    return True


def acquire_lock(connection: Connection) -> None:
    """Wait until no other replica migrates; the lock is held until the connection closes.

    Polls between transactions: an index that is built concurrently waits for all of them, and
    one that waited for the lock would be waited for in turn.
    """
    attempt = text("SELECT pg_try_advisory_lock(:key)")
    while not connection.scalar(attempt, {"key": ADVISORY_LOCK}):
        connection.rollback()
        time.sleep(POLL_SECONDS)
    connection.commit()


def reject_squashed(connection: Connection) -> None:
    """Raise ConfigError when the database has migrations that are squashed today."""
    for revision in MigrationContext.configure(connection).get_current_heads():
        if SQUASHED.fullmatch(revision):
            raise ConfigError(
                f"The database is at migration {revision}, from before the first release: migrate "
                "an empty database instead; `make reset` deletes the development database."
            )
    connection.rollback()


def run(connection: Connection) -> None:
    load_models()
    # Of each migration, so that the locks of one end with it, and another attempt goes on there.
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    service_role = context.config.attributes.get("service_role")
    if service_role:
        grant_service(connection, service_role)


def limit_locks(
    _: Connection, cursor: Any, statement: str, __: object, ___: object, ____: bool
) -> None:
    """Wait for a lock for a moment only: all requests for the table wait behind the migration.

    Waiting to build an index concurrently blocks no other statement.
    """
    limit = 0 if "CONCURRENTLY" in statement else LOCK_TIMEOUT_MS
    cursor.execute(f"SET lock_timeout = {limit}")


async def migrate_online() -> None:
    url = context.config.attributes.get("url") or get_settings().owner_url
    # Not as an URL of SQLAlchemy, which takes one host only.
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=partial(first_host, url, opened), poolclass=NullPool
    )
    connection = await connected(engine)
    try:
        await connection.run_sync(migrate)
    finally:
        await connection.close()
        await engine.dispose()


async def opened(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(**driver_arguments(url))


async def connected(engine: AsyncEngine) -> AsyncConnection:
    """Raise ConfigError when the server cannot be reached, or does not let us in."""
    try:
        return await engine.connect()
    except (DBAPIError, *CANNOT_CONNECT) as error:
        reason = str(driver_error(error)).partition("\n")[0]
        raise ConfigError(f"The database cannot be reached: {reason}") from error


def migrate_offline() -> None:
    load_models()
    context.configure(dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    migrate_offline()
else:
    asyncio.run(migrate_online())
