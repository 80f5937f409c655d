"""Migrations, driven from Python: the command line and the tests use these."""

from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

from alembic import command

ALEMBIC_INI = Path(__file__).parents[2] / "alembic.ini"


def alembic_config(url: str) -> Config:
    config = Config(ALEMBIC_INI)
    config.attributes["url"] = url
    return config


def upgrade(url: str, revision: str = "head") -> None:
    command.upgrade(alembic_config(url), revision)


def downgrade(url: str, revision: str) -> None:
    command.downgrade(alembic_config(url), revision)


def revise(url: str, message: str) -> None:
    """Write a new migration from the difference between models and database."""
    script = ScriptDirectory.from_config(alembic_config(url))
    newest = max((int(each.revision) for each in script.walk_revisions()), default=0)
    command.revision(alembic_config(url), message, autogenerate=True, rev_id=f"{newest + 1:04d}")


def check(url: str) -> None:
    """Raise when the models and the migrated database differ."""
    command.check(alembic_config(url))
