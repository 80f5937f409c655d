"""A TCP proxy between the service and its database that misbehaves on request."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

CHUNK_BYTES = 65_536


class Proxy:
    """`pass` forwards, `hang` accepts and sends nothing, `refuse` closes at once.

    A change of mode meets open connections, too, so that it looks like one of the server.
    `asked` counts the round trips: packets of a client before it waits for a response.
    """

    def __init__(self, url: str, port: int = 0) -> None:
        self._url = urlsplit(url)
        self._port = port
        self._connections: set[asyncio.Task[None]] = set()
        self._passes = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._mode = "pass"
        self._passes.set()
        self.asked = 0

    @property
    def url(self) -> str:
        """The URL of the database as seen through the proxy."""
        assert self._server
        port = self._server.sockets[0].getsockname()[1]
        login = self._url.netloc.rpartition("@")[0]
        return urlunsplit(self._url._replace(netloc=f"{login}@127.0.0.1:{port}"))

    def switch(self, mode: Literal["pass", "hang", "refuse"]) -> None:
        self._mode = mode
        self._passes.set() if mode == "pass" else self._passes.clear()
        if mode == "refuse":
            self.cut()

    def cut(self) -> None:
        """Close every open connection."""
        for connection in self._connections:
            connection.cancel()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)

    async def close(self) -> None:
        assert self._server
        self._server.close()
        self.cut()
        await asyncio.gather(*self._connections)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._connections.add(task)
        try:
            if self._mode != "refuse":
                await self._connect(reader, writer)
        except asyncio.CancelledError:
            return  # asyncio's streams would complain about a task that ends like this.
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._passes.wait()
        upstream, downstream = await asyncio.open_connection(self._url.hostname, self._url.port)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, downstream, counts=True))
                both.create_task(self._pump(upstream, writer))
        finally:
            downstream.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counts: bool = False
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(CHUNK_BYTES):
                self.asked += counts
                await self._passes.wait()
                if writer.is_closing():
                    break  # The other direction has ended; uvloop raises RuntimeError here.
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


@asynccontextmanager
async def proxied(url: str, port: int = 0) -> AsyncIterator[Proxy]:
    proxy = Proxy(url, port)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.close()
