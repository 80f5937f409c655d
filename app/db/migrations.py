"""Migrations: Alembic commands for the command line and the tests."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic.config import Config
from alembic.util import CommandError

from alembic import command, op
from app.config.settings import ConfigError
from app.db.revisions import known_revisions

# The column in which Alembic stores it.
MAX_REVISION_LENGTH = 32
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
    newest = int(known_revisions()[0].partition("_")[0])
    slug = re.sub(r"\W+", "_", message.lower()).strip("_")
    rev_id = f"{newest + 1:03d}_{slug}"[:MAX_REVISION_LENGTH]
    command.revision(alembic_config(url), message, autogenerate=True, rev_id=rev_id)


def check(url: str) -> None:
    """Compare the models with the migrated database.

    Raises:
        ConfigError: they differ.
    """
    with config_errors():
        command.check(alembic_config(url))


def record_changes(table: str, noun: str, *, ignored: str = "", redacted: str = "") -> None:
    """Record changes of the table in the audit log, for migrations; without audit do nothing.

    Args:
        noun: what a row is called in the audit log.
        ignored: columns, separated by commas, that are not recorded.
        redacted: columns whose changes are recorded without their values.
    """
    arguments = ", ".join(f"'{value}'" for value in (table, noun, ignored, redacted))
    op.execute(f"""
        DO $$ BEGIN
            IF to_regproc('audit_table') IS NOT NULL THEN
                PERFORM audit_table({arguments});
            END IF;
        END $$
    """)
