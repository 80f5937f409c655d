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


def contradictions(settings: Settings) -> dict[str, bool]:
    """Return the sentences about combinations that cannot work, and whether each applies."""
    is_pooled = settings.database_pgbouncer
    return {
        NO_SESSION: is_pooled and not settings.database_direct_url,
        REFUSED_OPTIONS: is_pooled and "options" in parameters(settings.database_url),
    }
