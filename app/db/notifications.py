"""Notifications between processes by LISTEN and NOTIFY, within milliseconds of a commit.

A notification is only a hint. Receivers must tolerate its loss: after a reconnect the
`on_reconnect` calls run, because notifications published meanwhile are lost.
"""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
from sqlalchemy import Text, bindparam, cast, func, select

from app.db.compiled import CompiledStatement
from app.db.executor import PoolReader
from app.runtime.background import BackgroundLoop

Receive = Callable[[str], None]
Publish = Callable[[str, str], Awaitable[None]]
NOTIFY = CompiledStatement(
    select(cast(func.pg_notify(bindparam("channel"), bindparam("payload")), Text))
)
RETRY_SECONDS = 1.0
CHECK_SECONDS = 2.0


async def publish(reads: PoolReader, channel: str, payload: str) -> None:
    """Publish outside of any transaction: within one, commits would wait for each other."""
    await reads.all(NOTIFY, channel=channel, payload=payload)


class Notifications:
    """The receivers of this process, by channel, and the transport to other processes.

    `publish` sends a notification to the other processes instead of PostgreSQL's NOTIFY:
    a feature may set it before the service accepts requests.
    """

    def __init__(self) -> None:
        self.publish: Publish | None = None
        self.receivers: dict[str, list[Receive]] = {}
        self._on_reconnect: list[Callable[[], None]] = []
        self._on_commit: list[Callable[[], None]] = []

    def on_notification(self, channel: str, receive: Receive) -> None:
        """Call `receive` with the payload of each notification of a channel."""
        self.receivers.setdefault(channel, []).append(receive)

    def on_reconnect(self, call: Callable[[], None]) -> None:
        """Call when notifications may have been lost."""
        self._on_reconnect.append(call)

    def on_commit(self, call: Callable[[], None]) -> None:
        """Call after each commit of this process."""
        self._on_commit.append(call)

    def receive(self, channel: str, payload: str) -> None:
        for receive in self.receivers.get(channel, ()):
            receive(payload)

    def reconnected(self) -> None:
        for call in self._on_reconnect:
            call()

    def committed(self) -> None:
        for call in self._on_commit:
            call()


class Listener(BackgroundLoop):
    """One connection that receives notifications; reconnects when it is lost."""

    name = "notifications"

    def __init__(
        self,
        connect: Callable[[], Awaitable[asyncpg.Connection]],
        notifications: Notifications,
        *,
        retry_seconds: float = RETRY_SECONDS,
        check_seconds: float = CHECK_SECONDS,
    ) -> None:
        super().__init__()
        self._retry_seconds = retry_seconds
        self._check_seconds = check_seconds
        self._connect = connect
        self._notifications = notifications

    async def pause(self) -> None:
        await asyncio.sleep(self._retry_seconds)

    async def work(self) -> None:
        connection = await self._connect()
        try:
            for channel in self._notifications.receivers:
                await connection.add_listener(channel, self._dispatch)
            self._notifications.reconnected()
            while True:
                # A dead peer sends nothing; only a query detects it.
                await asyncio.sleep(self._check_seconds)
                await connection.execute("SELECT 1")
        finally:
            connection.terminate()

    def _dispatch(self, _: object, __: int, channel: str, payload: object) -> None:
        self._notifications.receive(channel, str(payload))
