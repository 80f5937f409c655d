"""A replica for reads that may be a moment old, and who may not ask it.

All that is known of it is one moment: it has replayed whatever was committed before. Who
wrote later asks the primary, and everybody does when that moment is too long ago, because
the replica is down, hangs or lags. See docs/adr/0016-reads-from-a-replica.md.
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
from app.db.compiled import Query, Row
from app.db.executor import Reader, ReadPool
from app.errors import AppError
from app.observability.logging import get_logger
from app.runtime.background import BackgroundLoop

Publish = Callable[[str, str], Awaitable[None]]

WRITERS = "writers"
CHECK_SECONDS = 0.25
POLL_SECONDS = 0.02
# A replica that takes longer has lost its turn: together with the primary's own limits
# this stays within the time in which every request is answered.
PATIENCE_SECONDS = 1.0
ANNOUNCE_SECONDS = 0.5

# In bytes since the beginning of the log; the second is NULL on a server that is no replica.
ZERO: ColumnElement[str] = literal_column("'0/0'")
COMMITTED = Query(select(func.pg_wal_lsn_diff(func.pg_current_wal_lsn(), ZERO)))
REPLAYED_POSITION = func.pg_wal_lsn_diff(func.pg_last_wal_replay_lsn(), ZERO)
REPLAYED = Query(select(case((func.pg_is_in_recovery(), REPLAYED_POSITION))))

log = get_logger("replica")


class Lag:
    """Asks both servers on connections of their own: a busy pool is no lag."""

    def __init__(self, primary: ReadPool, replica: ReadPool) -> None:
        self._primary = primary
        self._replica = replica

    async def level_at(self) -> float:
        """Wait until the replica has what is committed now; return when that was."""
        asked_at = time.monotonic()
        committed = await self._primary.scalar(COMMITTED)
        while not is_level(await self._replica.scalar(REPLAYED), committed):  # noqa: ASYNC110  (nor does a server)
            await asyncio.sleep(POLL_SECONDS)
        return asked_at

    async def close(self) -> None:
        await self._primary.close()
        await self._replica.close()


def is_level(replayed: Decimal | None, committed: Decimal) -> bool:
    return replayed is not None and replayed >= committed


class Replica(BackgroundLoop):
    """Keeps an eye on the replica, and remembers who wrote since it was known to be level.

    `publish` takes announcements to other processes; without it PostgreSQL does.
    """

    name = "replica"

    def __init__(
        self,
        primary: ReadPool,
        pool: ReadPool,
        lag: Lag,
        *,
        max_lag_seconds: float,
        publish: Publish | None,
    ) -> None:
        super().__init__()
        self.primary = primary
        self.pool = pool
        self._lag = lag
        self._max_lag_seconds = max_lag_seconds
        self._publish = publish or partial(notifications.publish, primary)
        self._level_at = -math.inf
        self._was_usable = False
        self._wrote_at: dict[uuid.UUID, float] = {}

    @property
    def is_usable(self) -> bool:
        return time.monotonic() - self._level_at < self._max_lag_seconds

    def serves(self, user_id: uuid.UUID) -> bool:
        """Whether it has everything that the user wrote, and is not too far behind."""
        return self.is_usable and self._wrote_at.get(user_id, -math.inf) < self._level_at

    def reader(self, user_id: Callable[[], uuid.UUID]) -> Reader:
        """Return the reads of one user: from the replica where it serves, else from the primary."""
        return RoutedReads(self, user_id)

    def distrust(self) -> None:
        """Use it only after the next check: announcements may have been missed."""
        self._level_at = -math.inf

    def note(self, user_id: uuid.UUID) -> None:
        """Remember that the user has just written."""
        self._wrote_at[user_id] = time.monotonic()

    async def announce(self, user_id: uuid.UUID) -> None:
        """Tell every process of a write; before its answer leaves, so that it comes first."""
        self.note(user_id)
        try:
            async with asyncio.timeout(ANNOUNCE_SECONDS):
                await self._publish(WRITERS, str(user_id))
        except (AppError, TimeoutError) as error:
            log.warning("announcement lost", reason=type(error).__name__)

    async def close(self) -> None:
        await super().close()
        await self._lag.close()
        await self.pool.close()

    async def work(self) -> None:
        with suppress(AppError, TimeoutError):
            async with asyncio.timeout(self._max_lag_seconds):
                self._level_at = await self._lag.level_at()
        if self.is_usable != self._was_usable:
            self._was_usable = self.is_usable
            log.warning("replica", serves=self._was_usable)
        self._forget_writers()

    async def pause(self) -> None:
        await asyncio.sleep(CHECK_SECONDS)

    async def becomes_level(self) -> bool:
        """Wait until it has what is committed now."""
        await self._lag.level_at()
        return True

    def _forget_writers(self) -> None:
        # While it is not usable all may go: it becomes so by a check that begins after them.
        since = self._level_at if self.is_usable else math.inf
        self._wrote_at = {user: at for user, at in self._wrote_at.items() if at >= since}


class RoutedReads(Reader):
    """The reads of one user: from the replica where it serves, else from the primary."""

    def __init__(self, replica: Replica, user_id: Callable[[], uuid.UUID]) -> None:
        self._replica = replica
        self._user_id = user_id

    async def fetch(self, query: Query, values: Row) -> Sequence[asyncpg.Record]:
        if self._replica.serves(self._user_id()):
            # Whatever keeps it from answering, the primary can.
            with suppress(AppError, TimeoutError):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    return await self._replica.pool.fetch(query, values)
        return await self._replica.primary.fetch(query, values)

    def stream(self, query: Query, **values: Any) -> AsyncGenerator[list[Row]]:
        serves = self._replica.serves(self._user_id())
        # What has begun to leave cannot be begun anew elsewhere: an error is one of the client's.
        return (self._replica.pool if serves else self._replica.primary).stream(query, **values)
