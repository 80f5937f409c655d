"""Rules across settings: combinations that cannot work, one sentence with a remedy each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.config.database_url import parameters

if TYPE_CHECKING:
    from app.config.settings import Settings

NO_SESSION = (
    "DATABASE_PGBOUNCER needs DATABASE_DIRECT_URL, the server behind it: notifications and "
    "migrations need a session."
)
REFUSED_OPTIONS = (
    "DATABASE_URL has options, which PgBouncer refuses: give them to the role with "
    "ALTER ROLE ... SET."
)


def contradictions(settings: Settings) -> list[str]:
    """Return a sentence for each setting that does not fit the others."""
    if not settings.database_pgbouncer:
        return []
    rules = {
        NO_SESSION: not settings.database_direct_url,
        REFUSED_OPTIONS: "options" in parameters(settings.database_url),
    }
    return [sentence for sentence, is_broken in rules.items() if is_broken]
