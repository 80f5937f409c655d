"""Migrations: Alembic commands for the command line and the tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from alembic import command
from app.config.settings import ConfigError

ALEMBIC_INI = Path(__file__).parents[2] / "alembic.ini"


def alembic_config(url: str, service_role: str | None = None) -> Config:
    config = Config(ALEMBIC_INI)
    config.attributes["url"] = url
    config.attributes["service_role"] = service_role
    return config


def upgrade(url: str, revision: str = "head", *, service_role: str | None = None) -> None:
    """Migrate, then grant the service role its privileges if it is not the owner.

    Raises:
        ConfigError: no such revision or role, or the database cannot be reached.
    """
    with config_errors():
        command.upgrade(alembic_config(url, service_role), revision)


def downgrade(url: str, revision: str) -> None:
    """Migrate down to the revision.

    Raises:
        ConfigError: no such revision, or the database cannot be reached.
    """
    with config_errors():
        command.downgrade(alembic_config(url), revision)


@contextmanager
def config_errors() -> Iterator[None]:
    """Raise ConfigError for errors of Alembic, which operators need without a traceback."""
    try:
        yield
    except CommandError as error:
        raise ConfigError(f"{error}.") from None


def revise(url: str, message: str) -> None:
    """Write a new migration from the difference between models and database."""
    script = ScriptDirectory.from_config(alembic_config(url))
    newest = max((int(each.revision) for each in script.walk_revisions()), default=0)
    command.revision(alembic_config(url), message, autogenerate=True, rev_id=f"{newest + 1:04d}")


def check(url: str) -> None:
    """Compare the models with the migrated database.

    Raises:
        ConfigError: they differ.
    """
    with config_errors():
        command.check(alembic_config(url))
