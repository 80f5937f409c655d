"""Schema changes under load: prepared statements and type caches that became outdated.

After `ALTER TABLE ... TYPE`, PostgreSQL refuses each statement that was prepared before ("cached
plan must not change result type", SQLSTATE 0A000), once per connection. So the first refusal makes
all pools of the process replace the connections that they opened before it, and the transaction is
repeated on a new one.
"""

import math
import time

import asyncpg

SCHEMA_CHANGED = (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)


class SchemaAge:
    """Time of the last schema change that this process noticed."""

    def __init__(self) -> None:
        self._changed_at = -math.inf

    def renew(self) -> None:
        """Replace every connection that is open now, when it is next taken from its pool."""
        self._changed_at = time.monotonic()

    def renew_after(self, error: BaseException) -> None:
        """Record it if the error means that a statement or a type is outdated."""
        if isinstance(error, SCHEMA_CHANGED):
            self.renew()

    def is_outdated(self, opened_at: float) -> bool:
        """Return whether a connection that was opened then may hold outdated statements."""
        return opened_at <= self._changed_at


# One for all pools: each of them has prepared statements about the same tables.
SCHEMA_AGE = SchemaAge()
