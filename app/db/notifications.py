"""LISTEN and NOTIFY: what other processes did, within milliseconds of their commit.

A notification is only a hint. Whoever relies on one must also survive its loss: after
a reconnect, `on_reconnect` runs, because what was said meanwhile is gone.
"""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
from sqlalchemy import Text, bindparam, cast, func, select

from app.db.compiled import Query
from app.db.executor import ReadPool
from app.runtime.background import BackgroundLoop

Handler = Callable[[str], None]
NOTIFY = Query(select(cast(func.pg_notify(bindparam("channel"), bindparam("payload")), Text)))
RETRY_SECONDS = 1.0
CHECK_SECONDS = 2.0


async def announce(reads: ReadPool, channel: str, payload: str) -> None:
    """Notify outside of any transaction: within one, commits would wait for one another."""
    await reads.all(NOTIFY, channel=channel, payload=payload)


class Listener(BackgroundLoop):
    """One connection that waits for notifications, and comes back when it is lost."""

    name = "notifications"

    def __init__(
        self,
        connect: Callable[[], Awaitable[asyncpg.Connection]],
        handlers: dict[str, Handler],
        *,
        on_reconnect: Callable[[], None],
        retry_seconds: float = RETRY_SECONDS,
        check_seconds: float = CHECK_SECONDS,
    ) -> None:
        super().__init__()
        self._retry_seconds = retry_seconds
        self._check_seconds = check_seconds
        self._connect = connect
        self._handlers = handlers
        self._on_reconnect = on_reconnect

    async def pause(self) -> None:
        await asyncio.sleep(self._retry_seconds)

    async def work(self) -> None:
        connection = await self._connect()
        try:
            for channel in self._handlers:
                await connection.add_listener(channel, self._dispatch)
            self._on_reconnect()
            while True:
                # A dead peer says nothing; asking is the only way to notice.
                await asyncio.sleep(self._check_seconds)
                await connection.execute("SELECT 1")
        finally:
            connection.terminate()

    def _dispatch(self, _: object, __: int, channel: str, payload: object) -> None:
        self._handlers[channel](str(payload))
