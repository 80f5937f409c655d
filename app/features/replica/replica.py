"""Read replica with read-your-writes consistency per user.

The only state is the time up to which the replica has replayed all commits. Users who wrote
later read from the primary, and so do all users if that time is too old, because the replica is
down, hangs or lags. See docs/adr/0016-reads-from-a-replica.md.
"""

import asyncio
import math
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Any

import asyncpg
from sqlalchemy import ColumnElement, case, func, literal_column, select

from app.db import notifications
from app.db.compiled import CompiledStatement, R, Values
from app.db.executor import PoolReader, Reader
from app.errors import AppError
from app.observability.logging import get_logger
from app.runtime.background import BackgroundLoop

Publish = Callable[[str, str], Awaitable[None]]

WRITERS = "writers"
CHECK_SECONDS = 0.25
POLL_SECONDS = 0.02
# If the replica takes longer, the primary is read instead: with the primary's own timeouts this
# stays within the deadline of a request.
READ_TIMEOUT_SECONDS = 1.0
PUBLISH_SECONDS = 0.5

# Bytes since the start of the WAL; REPLAYED is NULL on a server that is not a replica.
ZERO: ColumnElement[str] = literal_column("'0/0'")
COMMITTED = CompiledStatement(select(func.pg_wal_lsn_diff(func.pg_current_wal_lsn(), ZERO)))
REPLAYED_POSITION = func.pg_wal_lsn_diff(func.pg_last_wal_replay_lsn(), ZERO)
REPLAYED = CompiledStatement(select(case((func.pg_is_in_recovery(), REPLAYED_POSITION))))

log = get_logger("replica")


class Lag:
    """Measures replication lag on its own connections, so that a busy pool does not count."""

    def __init__(self, primary: PoolReader, replica: PoolReader) -> None:
        self._primary = primary
        self._replica = replica

    async def caught_up_at(self) -> float:
        """Wait until the replica has all commits up to now; return that (monotonic) time."""
        started_at = time.monotonic()
        committed = await self._primary.scalar(COMMITTED)
        while not has_caught_up(await self._replica.scalar(REPLAYED), committed):  # noqa: ASYNC110  (no event from a server)
            await asyncio.sleep(POLL_SECONDS)
        return started_at

    async def close(self) -> None:
        await self._primary.pool.close()
        await self._replica.pool.close()


def has_caught_up(replayed: Decimal | None, committed: Decimal) -> bool:
    return replayed is not None and replayed >= committed


class Replica(BackgroundLoop):
    """Monitors the replica, and records users who wrote since it last caught up.

    `publish` notifies other processes of writes; without it PostgreSQL's NOTIFY is used.
    """

    name = "replica"

    def __init__(
        self,
        primary: PoolReader,
        reads: PoolReader,
        lag: Lag,
        *,
        max_lag_seconds: float,
        publish: Publish | None,
    ) -> None:
        super().__init__()
        self.primary = primary
        self.reads = reads
        self._lag = lag
        self._max_lag_seconds = max_lag_seconds
        self._publish = publish or partial(notifications.publish, primary)
        self._caught_up_at = -math.inf
        self._was_usable = False
        self._wrote_at: dict[uuid.UUID, float] = {}

    @property
    def is_usable(self) -> bool:
        return time.monotonic() - self._caught_up_at < self._max_lag_seconds

    def serves(self, user_id: uuid.UUID) -> bool:
        """Return whether the replica has all writes of the user and is not too far behind."""
        return self.is_usable and self._wrote_at.get(user_id, -math.inf) < self._caught_up_at

    def reader(self, user_id: Callable[[], uuid.UUID]) -> Reader:
        """Return a reader for one user that selects replica or primary for each query."""
        return RoutedReads(self, user_id)

    def mark_unhealthy(self) -> None:
        """Disable the replica until the next check: notifications may have been missed."""
        self._caught_up_at = -math.inf

    def record_write(self, user_id: uuid.UUID) -> None:
        """Record that the user has just written."""
        self._wrote_at[user_id] = time.monotonic()

    async def publish_write(self, user_id: uuid.UUID) -> None:
        """Notify all processes of a write, before its response is sent."""
        self.record_write(user_id)
        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                await self._publish(WRITERS, str(user_id))
        except (AppError, TimeoutError) as error:
            log.warning("write marker not published", reason=type(error).__name__)

    async def close(self) -> None:
        await super().close()
        await self._lag.close()
        await self.reads.pool.close()

    async def work(self) -> None:
        with suppress(AppError, TimeoutError):
            async with asyncio.timeout(self._max_lag_seconds):
                self._caught_up_at = await self._lag.caught_up_at()
        if self.is_usable != self._was_usable:
            self._was_usable = self.is_usable
            log.warning("replica status changed", serves=self._was_usable)
        self._drop_old_writes()

    async def pause(self) -> None:
        await asyncio.sleep(CHECK_SECONDS)

    async def wait_until_caught_up(self) -> bool:
        """Wait until the replica has all commits up to now; return True."""
        await self._lag.caught_up_at()
        return True

    def _drop_old_writes(self) -> None:
        # While it is unusable all may be dropped: the check that enables it starts after them.
        since = self._caught_up_at if self.is_usable else math.inf
        self._wrote_at = {user: at for user, at in self._wrote_at.items() if at >= since}


class RoutedReads(Reader):
    """Reads of one user: from the replica if it serves the user, else from the primary."""

    def __init__(self, replica: Replica, user_id: Callable[[], uuid.UUID]) -> None:
        self._replica = replica
        self._user_id = user_id

    async def fetch(
        self, query: CompiledStatement[Any], values: Values
    ) -> Sequence[asyncpg.Record]:
        if self._replica.serves(self._user_id()):
            # On any error or timeout of the replica, the primary is read.
            with suppress(AppError, TimeoutError):
                async with asyncio.timeout(READ_TIMEOUT_SECONDS):
                    return await self._replica.reads.fetch(query, values)
        return await self._replica.primary.fetch(query, values)

    def stream(self, query: CompiledStatement[R], **values: Any) -> AsyncGenerator[list[R]]:
        serves = self._replica.serves(self._user_id())
        # A stream that has started cannot be restarted on the primary: errors reach the client.
        return (self._replica.reads if serves else self._replica.primary).stream(query, **values)
