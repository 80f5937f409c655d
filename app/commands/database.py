"""Database of commands: connection to the server, and migrations."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

from app.config.settings import ConfigError, Settings
from app.network.urls import one_host_each

DATA_FOLDER = Path(".data")
POSTGRES_FOLDER = DATA_FOLDER / "postgres"


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """Yield DATABASE_URL, else the URL of the embedded PostgreSQL for development.

    Raises:
        ConfigError: the embedded PostgreSQL is not installed or cannot be started.
    """
    if settings.database_url:
        yield settings.database_url
        return
    with embedded(POSTGRES_FOLDER) as url:
        yield url


@contextmanager
def owner_database(settings: Settings) -> Iterator[str]:
    """Yield the URL for the owner of the tables, which bypasses PgBouncer.

    Raises:
        ConfigError: as `database`.
    """
    with database(settings) as url:
        yield settings.owner_url or url


def upgrade(settings: Settings, url: str, revision: str = "head") -> None:
    """Migrate as the owner, and grant privileges to the role of DATABASE_URL if it is another one.

    Raises:
        ConfigError: there is no such revision, or the database is unreachable.
    """
    # Alembic, which each server process would load otherwise and none needs.
    from app.db import migrations

    migrations.upgrade(url, revision, service_role=service_role(settings))


def service_role(settings: Settings) -> str | None:
    """Return the role of the service if another role owns the tables."""
    owner, service = map(role_of, (settings.migrations_database_url, settings.database_url))
    return service if owner and service != owner else None


def role_of(url: str) -> str | None:
    name = next(one_host_each(url)).username
    return unquote(name) if name else None


@contextmanager
def embedded(folder: Path, *, durable: bool = True) -> Iterator[str]:
    try:
        from app.devtools.postgres import EmbeddedPostgresError, embedded_postgres
    except ImportError:
        raise ConfigError(
            "DATABASE_URL is empty, and the embedded PostgreSQL is installed for development "
            "only: name a server."
        ) from None
    try:
        with embedded_postgres(folder, durable=durable) as url:
            yield url
    except EmbeddedPostgresError as error:
        raise ConfigError(str(error)) from error
