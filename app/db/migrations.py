"""Migrations, driven from Python: the command line and the tests use these."""

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
    """Migrate, then grant the service role, if it is another one, what it needs.

    Raises:
        ConfigError: no such revision or role, or the database cannot be reached.
    """
    with explained():
        command.upgrade(alembic_config(url, service_role), revision)


def downgrade(url: str, revision: str) -> None:
    """Raises ConfigError, as above."""
    with explained():
        command.downgrade(alembic_config(url), revision)


@contextmanager
def explained() -> Iterator[None]:
    """What Alembic has to say to operators needs no traceback."""
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
    """Raises ConfigError: the models and the migrated database differ."""
    with explained():
        command.check(alembic_config(url))
