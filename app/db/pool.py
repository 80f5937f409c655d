"""Connection pool: last in, first out, never reset, shared by compiled statements and the ORM.

Each pooled connection is a driver connection with SQLAlchemy's connection above it, which is opened
once and kept. SQLAlchemy's own pools spend as much on each checkout as a read costs. See ADR 0033.
"""

import asyncio
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import cast

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection

from app.db.errors import DatabaseUnavailable
from app.db.instrumentation import WaitTimes
from app.db.schema_changes import SCHEMA_AGE

# For background loops, the login throttle, and tasks that need a second connection while they hold
# one.
RESERVED = 4

# Errors of a lost connection, as after a restart of the server.
LOST = (
    ConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # Lost between the two halves of a statement.
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)


@dataclass(slots=True)
class PooledConnection:
    """A connection, its opening time on the monotonic clock, and whether it is unused so far.

    SQLAlchemy's connection is in AUTOCOMMIT: only the unit of work begins and commits.
    """

    driver: asyncpg.Connection
    orm: AsyncConnection
    proxied: PoolProxiedConnection
    opened_at: float
    is_fresh: bool = True

    def terminate(self) -> None:
        """Close the connection without waiting for the server."""
        self.driver.terminate()
        if self.proxied.is_valid:
            self.proxied.invalidate()


class Share:
    """At most `size` connections of a pool for one purpose; waiting for one times out."""

    def __init__(self, name: str, size: int, *, wait_seconds: float) -> None:
        self.name = name
        self.size = size
        self.in_use = 0
        self.waits = WaitTimes(name)
        self._free = asyncio.Semaphore(size)
        self._wait_seconds = wait_seconds

    async def acquire(self) -> None:
        """Acquire the right to one connection, until `release`.

        Raises:
            DatabaseUnavailable: no connection became free in time.
        """
        if self._free.locked():
            with self.waits.measure():
                await self._wait()
        else:
            await self._free.acquire()
        self.in_use += 1

    def release(self) -> None:
        self.in_use -= 1
        self._free.release()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._free.acquire()
        except TimeoutError:
            raise DatabaseUnavailable("All database connections are busy.") from None


class Checkout:
    """One checkout of a task, and the checkout that the task held before."""

    def __init__(self, share: Share) -> None:
        self.share = share
        self.outer = current_checkout()
        self.is_held = False

    async def acquire(self) -> None:
        """Acquire the connection for the current task; raises as `Share.acquire`."""
        await self.share.acquire()
        self.is_held = True
        CHECKOUT.set(self)

    def release(self) -> None:
        if self.is_held:
            self.is_held = False
            self.share.release()


CHECKOUT: ContextVar[Checkout | None] = ContextVar("checkout", default=None)


def current_checkout() -> Checkout | None:
    """Return the last checkout of the current task that is still held."""
    checkout = CHECKOUT.get()
    while checkout and not checkout.is_held:
        checkout = checkout.outer
    return checkout


class Pool:
    """Connections to one server, in three shares.

    A task that holds a connection acquires a second one from the reserve. A task that holds one of
    the reserve waits for no other, so that there is no circular wait.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        size: int,
        exports: int = 1,
        reserved: int = RESERVED,
        wait_seconds: float,
        recycle_seconds: float,
    ) -> None:
        self.engine = engine
        self.requests = Share("requests", size, wait_seconds=wait_seconds)
        self.reserve = Share("reserve", reserved, wait_seconds=wait_seconds)
        self.exports = Share("exports", exports, wait_seconds=wait_seconds)
        self._recycle_seconds = recycle_seconds
        self._idle: list[PooledConnection] = []

    @property
    def shares(self) -> tuple[Share, ...]:
        return self.requests, self.reserve, self.exports

    @property
    def in_use(self) -> int:
        return sum(share.in_use for share in self.shares)

    def share_of_task(self) -> Share:
        """Return the share from which the current task acquires its next connection."""
        return self.reserve if current_checkout() else self.requests

    async def acquire(self) -> PooledConnection:
        """Return a connection, which the holder of a share must release or terminate.

        Raises:
            Unavailable: the database is unreachable.
            DeadlineExceeded: the database does not respond in time.
        """
        oldest = time.monotonic() - self._recycle_seconds
        while self._idle:
            pooled = self._idle.pop()
            is_current = pooled.opened_at > oldest and not SCHEMA_AGE.is_outdated(pooled.opened_at)
            if is_current and not pooled.driver.is_closed():
                return pooled
            pooled.terminate()
        return await self._open()

    def release(self, pooled: PooledConnection) -> None:
        """Keep the connection for the next use, unless it is closed or in a transaction."""
        pooled.is_fresh = False
        if pooled.driver.is_closed() or pooled.driver.is_in_transaction():
            pooled.terminate()
        else:
            self._idle.append(pooled)

    async def close(self) -> None:
        while self._idle:
            self._idle.pop().terminate()

    async def _open(self) -> PooledConnection:
        orm = await self.engine.connect()
        proxied = await orm.get_raw_connection()
        driver = cast("asyncpg.Connection", proxied.driver_connection)
        return PooledConnection(driver, orm, proxied, time.monotonic())
