"""Revisions: the migration state of the database, read without loading Alembic."""

from functools import lru_cache
from pathlib import Path

from sqlalchemy import column, select, table

from app.db.executor import CompiledStatement, ReadPool

VERSIONS = Path(__file__).parents[2] / "alembic" / "versions"
CURRENT = CompiledStatement(select(column("version_num")).select_from(table("alembic_version")))


@lru_cache
def known_revisions() -> tuple[str, ...]:
    """Return the revisions that this code has migrations for, newest first."""
    return tuple(sorted((path.stem for path in VERSIONS.glob("[0-9]*_*.py")), reverse=True))


def is_outdated(revision: str | None) -> bool:
    """Return whether a database at the revision lacks a migration of this code."""
    return revision is None or revision in known_revisions()[1:]


async def is_migrated(reads: ReadPool) -> bool:
    """Return whether the database has all migrations of this code.

    An unknown revision belongs to a newer release, which is being rolled out.

    Raises:
        DatabaseUnavailable: the database is unreachable, or was never migrated.
    """
    return not is_outdated(await reads.scalar(CURRENT))
