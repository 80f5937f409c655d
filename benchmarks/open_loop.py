"""Open-loop load: requests at a constant rate from many addresses, however long answers take."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast

ADDRESSES = 250
TICK_SECONDS = 0.002


@dataclass
class Tally:
    """What came back: seconds since each request was due."""

    accepted: list[float] = field(default_factory=list)
    rejected: list[float] = field(default_factory=list)
    others: list[int] = field(default_factory=list)
    without_retry_after: int = 0
    unanswered: int = 0

    def add(self, status: int, head: bytes, seconds: float) -> None:
        if status in {HTTPStatus.OK, HTTPStatus.CREATED}:
            self.accepted.append(seconds)
        elif status == HTTPStatus.SERVICE_UNAVAILABLE:
            self.rejected.append(seconds)
            self.without_retry_after += b"\r\nretry-after: " not in head.lower()
        else:
            self.others.append(status)


class Client(asyncio.Protocol):
    """One connection, one request at a time; lighter than any library."""

    def __init__(self, load: "Generator") -> None:
        self._load = load
        self._buffer = b""
        self._due = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def ask(self, due: float) -> None:
        assert self._transport
        self._due = due
        self._transport.write(self._load.request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
        if len(body) >= length:
            self._buffer = b""
            self._load.answered(self, int(head[9:12]), head, time.perf_counter() - self._due)

    def connection_lost(self, _: Exception | None) -> None:
        self._load.lost(self)

    def close(self) -> None:
        if self._transport:
            self._transport.abort()


class Generator:
    """Requests that are due at times of their own."""

    def __init__(self, port: int, request: bytes) -> None:
        self.request = request
        self.tally = Tally()
        self._port = port
        self._clients: list[Client] = []
        self._idle: list[Client] = []
        self._waiting: deque[float] = deque()
        self._is_closed_loop = False
        self._opened = 0
        self._opening: set[asyncio.Future[None]] = set()

    async def connect(self, count: int) -> None:
        for _ in range(count):
            await self._open()

    async def closed_loop(self, seconds: float) -> float:
        """Answers per second when each client asks again as soon as it is answered."""
        self.tally, self._is_closed_loop = Tally(), True
        started = time.perf_counter()
        while self._idle:
            self._idle.pop().ask(time.perf_counter())
        await asyncio.sleep(seconds)
        rate = len(self.tally.accepted) / (time.perf_counter() - started)
        self._is_closed_loop = False
        await asyncio.sleep(1)
        return rate

    async def open_loop(self, rate: float, seconds: float) -> tuple[Tally, float]:
        """The answers, and how many per second were good, at a constant rate of requests."""
        self.tally = tally = Tally()
        started, sent = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - started) < seconds:
            while sent < elapsed * rate:
                self._send(started + sent / rate)
                sent += 1
            await asyncio.sleep(TICK_SECONDS)
        goodput = len(tally.accepted) / seconds
        self._waiting.clear()
        await asyncio.sleep(2)
        tally.unanswered = sent - len(tally.accepted) - len(tally.rejected) - len(tally.others)
        return tally, goodput

    def answered(self, client: Client, status: int, head: bytes, seconds: float) -> None:
        self.tally.add(status, head, seconds)
        if self._waiting:
            client.ask(self._waiting.popleft())
        elif self._is_closed_loop:
            client.ask(time.perf_counter())
        else:
            self._idle.append(client)

    def lost(self, client: Client) -> None:
        """Open another connection: nginx closes those that send nothing for 10 s."""
        if client in self._clients:
            self._clients.remove(client)
            self._opening.add(task := asyncio.ensure_future(self._open()))
            task.add_done_callback(self._opening.discard)
        if client in self._idle:
            self._idle.remove(client)

    def close(self) -> None:
        clients, self._clients = self._clients, []
        for client in clients:
            client.close()

    async def _open(self) -> None:
        self._opened += 1
        _, client = await asyncio.get_running_loop().create_connection(
            lambda: Client(self),
            "127.0.0.1",
            self._port,
            local_addr=(f"127.0.1.{self._opened % ADDRESSES + 1}", 0),
        )
        self._clients.append(client)
        self._idle.append(client)

    def _send(self, due: float) -> None:
        # A request that finds no connection is late already: its time runs all the same.
        if self._idle:
            self._idle.pop().ask(due)
        else:
            self._waiting.append(due)
