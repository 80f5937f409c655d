"""Schema changes under load: replaces connections with outdated statements and type caches.

After `ALTER TABLE ... TYPE`, PostgreSQL rejects each statement that was prepared before ("cached
plan must not change result type", SQLSTATE 0A000), once per connection. So the first error
makes all pools of the process replace the connections opened before it, and the transaction is
retried on a new one.
"""

import math
import time

import asyncpg

SCHEMA_CHANGED = (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)


class SchemaAge:
    """Time of the last schema change that this process noticed."""

    def __init__(self) -> None:
        self._changed_at = -math.inf

    def mark_changed(self) -> None:
        """Have every connection that is open now replaced when it is next acquired."""
        self._changed_at = time.monotonic()

    def mark_changed_after(self, error: BaseException) -> None:
        """Record a schema change if the error means that a statement or a type is outdated."""
        if isinstance(error, SCHEMA_CHANGED):
            self.mark_changed()

    def is_outdated(self, opened_at: float) -> bool:
        """Return whether a connection opened then (monotonic time) may hold outdated statements."""
        return opened_at <= self._changed_at


# Shared by all pools: each has prepared statements for the same tables.
SCHEMA_AGE = SchemaAge()
