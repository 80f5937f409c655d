"""Pool of driver connections: last in, first out, never reset.

asyncpg's own pool spends as much on resetting a connection as a read costs, and SQLAlchemy's
twice that. The statements of this service leave no state on a connection.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg

from app.db.instrumentation import WaitTimes
from app.db.schema_changes import SCHEMA_AGE
from app.errors import Unavailable

Connect = Callable[[], Awaitable[asyncpg.Connection]]

# Errors of a lost connection, as after a restart of the server.
LOST = (
    ConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # Lost between the two halves of a statement.
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)


@dataclass(frozen=True, slots=True)
class PooledConnection:
    """A connection, its opening time on the monotonic clock, and whether it is unused so far."""

    connection: asyncpg.Connection
    opened_at: float
    is_fresh: bool = False


class DriverPool:
    """At most `size` connections; `name` labels its metrics, and waiting for one times out."""

    def __init__(
        self, name: str, connect: Connect, *, size: int, wait_seconds: float, recycle_seconds: float
    ) -> None:
        self._connect = connect
        self._free = asyncio.Semaphore(size)
        self._wait_seconds = wait_seconds
        self._recycle_seconds = recycle_seconds
        self._idle: list[PooledConnection] = []
        self.name = name
        self.size = size
        self.in_use = 0
        self.waits = WaitTimes(name)

    async def close(self) -> None:
        while self._idle:
            self._idle.pop().connection.terminate()

    async def acquire_slot(self) -> None:
        """Acquire the right to one connection, until `release_slot`.

        Raises:
            Unavailable: no connection became free in time.
        """
        if self._free.locked():
            with self.waits.measure():
                await self._wait()
        else:
            await self._free.acquire()
        self.in_use += 1

    def release_slot(self) -> None:
        self.in_use -= 1
        self._free.release()

    async def acquire(self) -> PooledConnection:
        """Return a connection, which the caller must release or terminate.

        Raises:
            Unavailable: the database is unreachable.
            DeadlineExceeded: the database does not answer in time.
        """
        oldest = time.monotonic() - self._recycle_seconds
        while self._idle:
            pooled = self._idle.pop()
            is_current = pooled.opened_at > oldest and not SCHEMA_AGE.is_outdated(pooled.opened_at)
            if is_current and not pooled.connection.is_closed():
                return pooled
            pooled.connection.terminate()
        return PooledConnection(await self._connect(), time.monotonic(), is_fresh=True)

    def release(self, pooled: PooledConnection) -> None:
        if not pooled.connection.is_closed():
            self._idle.append(PooledConnection(pooled.connection, pooled.opened_at))

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._free.acquire()
        except TimeoutError:
            raise Unavailable("All database connections are busy.") from None
