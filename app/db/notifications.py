"""LISTEN: notifications of other processes, within milliseconds of their commit.

A notification is only a hint. Whoever relies on one must also survive its loss: after
a reconnect, `on_reconnect` runs, because what was said meanwhile is gone.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import asyncpg

from app.core.errors import AppError
from app.core.logging import get_logger

Handler = Callable[[str], None]
RETRY_SECONDS = 1.0
CHECK_SECONDS = 2.0

log = get_logger("notifications")


class Listener:
    """One connection that waits for notifications, and comes back when it is lost."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[asyncpg.Connection]],
        handlers: dict[str, Handler],
        *,
        on_reconnect: Callable[[], None],
    ) -> None:
        self._connect = connect
        self._handlers = handlers
        self._on_reconnect = on_reconnect
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="notifications")

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except (AppError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("listener lost its connection", reason=type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        connection = await self._connect()
        try:
            for channel in self._handlers:
                await connection.add_listener(channel, self._dispatch)
            self._on_reconnect()
            while True:
                # A dead peer says nothing; asking is the only way to notice.
                await asyncio.sleep(CHECK_SECONDS)
                await connection.execute("SELECT 1")
        finally:
            connection.terminate()

    def _dispatch(self, _: object, __: int, channel: str, payload: object) -> None:
        self._handlers[channel](str(payload))
