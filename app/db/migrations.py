"""Migrations, driven from Python: the command line, the tests and /readiness use these."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import column, select, table

from alembic import command
from app.core.config import ConfigError
from app.db.reads import Query, ReadPool

ALEMBIC_INI = Path(__file__).parents[2] / "alembic.ini"
CURRENT_REVISION = Query(select(column("version_num")).select_from(table("alembic_version")))


def alembic_config(url: str) -> Config:
    config = Config(ALEMBIC_INI)
    config.attributes["url"] = url
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Raises ConfigError: no such revision, or the database cannot be reached."""
    with explained():
        command.upgrade(alembic_config(url), revision)


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


@lru_cache
def known_revisions() -> tuple[str, ...]:
    """Those that this code has migrations for, the newest first."""
    script = ScriptDirectory.from_config(alembic_config(""))
    return tuple(each.revision for each in script.walk_revisions())


def is_outdated(revision: str | None) -> bool:
    """Whether a database at the revision lacks something that this code needs."""
    return revision is None or revision in known_revisions()[1:]


async def is_migrated(reads: ReadPool) -> bool:
    """Whether the database has everything that this code needs.

    A revision that it does not know is of a newer release, which is being rolled out.

    Raises:
        DatabaseUnavailable: it cannot be reached, or was never migrated.
    """
    return not is_outdated(await reads.scalar(CURRENT_REVISION))
