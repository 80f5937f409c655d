"""Run migrations on the service's own database, one runner at a time."""

import asyncio
from functools import partial

import asyncpg
from sqlalchemy import Connection, pool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

import app.models  # noqa: F401  (makes the metadata whole)
from alembic import context
from app.core.config import ConfigError, get_settings
from app.db.base import Base
from app.db.errors import driver_error
from app.db.grants import grant_service

# Any constant will do, as long as every replica waits for the same one.
ADVISORY_LOCK = 7_246_391


def migrate(connection: Connection) -> None:
    # Held until the connection closes: replicas that start together wait here in turn.
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
    connection.commit()
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()
    service_role = context.config.attributes.get("service_role")
    if service_role:
        grant_service(connection, service_role)


async def migrate_online() -> None:
    url = context.config.attributes.get("url") or get_settings().owner_url
    # Not as an URL of SQLAlchemy, which takes one host only.
    opened = partial(asyncpg.connect, url.replace("+asyncpg", "", 1))
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=opened, poolclass=pool.NullPool
    )
    connection = await connected(engine)
    try:
        await connection.run_sync(migrate)
    finally:
        await connection.close()
        await engine.dispose()


async def connected(engine: AsyncEngine) -> AsyncConnection:
    """Raise ConfigError when the server cannot be reached, or does not let us in."""
    try:
        return await engine.connect()
    except (OSError, DBAPIError, asyncpg.InternalClientError) as error:
        reason = str(driver_error(error)).partition("\n")[0]
        raise ConfigError(f"The database cannot be reached: {reason}") from error


def migrate_offline() -> None:
    context.configure(dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    migrate_offline()
else:
    asyncio.run(migrate_online())
