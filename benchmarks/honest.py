"""Clients that behave: over TLS, on kept connections, at a rate that does not wait for answers."""

import asyncio
import ssl
import statistics
import time
from collections import Counter
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus

from benchmarks.harness.nginx import NAME

ADDRESSES = 16
CONNECTIONS = 64
TRIES = 6
RETRY_SECONDS = 2.0
PATIENCE_SECONDS = 20
TICK_SECONDS = 0.005


@dataclass(frozen=True)
class Request:
    """`name` is what its kind is counted as; `creates` is the name of the item, if it makes one."""

    name: str
    raw: bytes
    creates: str = ""


@dataclass
class Tally:
    """What came back: seconds since each request was due, and what was no success."""

    seconds: list[float] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    rejected: int = 0
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, request: Request, status: int, seconds: float) -> None:
        if status in {HTTPStatus.OK, HTTPStatus.CREATED}:
            self.seconds.append(seconds)
            if request.creates:
                self.created.append(request.creates)
        else:
            self.failures[request.name, str(status)] += 1

    def failed(self, name: str) -> int:
        return sum(count for (each, _), count in self.failures.items() if each == name)

    def median(self) -> float:
        """In milliseconds."""
        return statistics.median(self.seconds) * 1000

    def p99(self) -> float:
        """In milliseconds."""
        return statistics.quantiles(self.seconds, n=100)[-1] * 1000


class Connection:
    """One request at a time; reconnects after the server has announced to close."""

    def __init__(self, port: int, tls: ssl.SSLContext, number: int) -> None:
        self._port = port
        self._tls = tls
        # Addresses of their own, as clients have them: limits hold for each.
        self._address = f"127.0.0.{number % ADDRESSES + 10}"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, raw: bytes) -> int:
        reader, writer = self._streams or await self._open()
        writer.write(raw)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
        await reader.readexactly(length)
        if b"\r\nconnection: close" in head:
            self.close()
        return int(head[9:12])

    def close(self) -> None:
        if self._streams:
            self._streams[1].transport.abort()
        self._streams = None

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self._streams = await asyncio.open_connection(
            "127.0.0.1",
            self._port,
            ssl=self._tls,
            server_hostname=NAME,
            local_addr=(self._address, 0),
        )
        return self._streams


class Honest:
    """A crowd that asks for what `requests` yields."""

    def __init__(self, port: int, tls: ssl.SSLContext, requests: Iterator[Request]) -> None:
        self.tally = Tally()
        self._requests = requests
        self._connections = [Connection(port, tls, number) for number in range(CONNECTIONS)]

    async def capacity(self, seconds: float) -> float:
        """Answers per second when each asks again as soon as it is answered."""
        self.tally, until = Tally(), time.perf_counter() + seconds
        await asyncio.gather(*(self._ask_until(each, until) for each in self._connections))
        return len(self.tally.seconds) / seconds

    async def during(self, rate: float, work: Coroutine[None, None, None]) -> Tally:
        """Ask at this rate for as long as the work takes."""
        self.tally, due = Tally(), asyncio.Queue[float | None]()
        asking = [asyncio.create_task(self._ask_when(due, each)) for each in self._connections]
        clock = asyncio.create_task(tick(due, rate))
        await work
        clock.cancel()
        for _ in asking:
            due.put_nowait(None)
        await asyncio.gather(*asking)
        return self.tally

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    async def _ask_until(self, connection: Connection, until: float) -> None:
        while (now := time.perf_counter()) < until:
            await self._ask(connection, now)

    async def _ask_when(self, due: "asyncio.Queue[float | None]", connection: Connection) -> None:
        while (at := await due.get()) is not None:
            await self._ask(connection, at)

    async def _ask(self, connection: Connection, due: float) -> None:
        request = next(self._requests)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                status = await self._ask_patiently(connection, request)
        except (OSError, EOFError, TimeoutError) as error:
            connection.close()
            self.tally.failures[request.name, type(error).__name__] += 1
            return
        self.tally.add(request, status, time.perf_counter() - due)

    async def _ask_patiently(self, connection: Connection, request: Request) -> int:
        """Repeat requests that were rejected for overload, as the API says a client may."""
        for _ in range(TRIES):
            status = await connection.ask(request.raw)
            if status != HTTPStatus.SERVICE_UNAVAILABLE:
                break
            self.tally.rejected += 1
            await asyncio.sleep(RETRY_SECONDS)
        return status


async def tick(due: "asyncio.Queue[float | None]", rate: float) -> None:
    started, sent = time.perf_counter(), 0
    while True:
        while sent < (time.perf_counter() - started) * rate:
            due.put_nowait(started + sent / rate)
            sent += 1
        await asyncio.sleep(TICK_SECONDS)
