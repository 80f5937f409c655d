"""A small load generator for machines without wrk; it feeds any Python server."""

import asyncio
import statistics
import time
from collections.abc import Iterator
from functools import partial
from itertools import cycle, islice

import httptools

ERROR = 400


class Client(asyncio.Protocol):
    """One connection that sends the next request as soon as the last is answered."""

    def __init__(self, requests: Iterator[bytes], until: float) -> None:
        self.milliseconds: list[float] = []
        self.errors = 0
        self.done = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._until = until

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, _: Exception | None) -> None:
        if not self.done.done():
            self.errors += 1
            self.done.set_result(None)

    def on_message_complete(self) -> None:
        """httptools calls this at the end of an answer."""
        self.milliseconds.append((time.perf_counter() - self._started) * 1000)
        self.errors += self._parser.get_status_code() >= ERROR
        if time.perf_counter() < self._until:
            # Not from within the parser, which is still at work on the answer.
            asyncio.get_running_loop().call_soon(self._send)
        else:
            self.done.set_result(None)
            self._transport.close()

    def _send(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._started = time.perf_counter()
        self._transport.write(next(self._requests))


async def send(
    port: int, requests: list[bytes], seconds: float, connections: int
) -> tuple[int, int, float, float, float]:
    """Answers, errors, seconds, and the median and 99th percentile in milliseconds."""
    started = time.perf_counter()
    loop, clients = asyncio.get_running_loop(), []
    for place in range(connections):
        # Each begins elsewhere, so that they do not march in step.
        turns = islice(cycle(requests), place % len(requests), None)
        protocol = partial(Client, turns, started + seconds)
        _, client = await loop.create_connection(protocol, "127.0.0.1", port)
        clients.append(client)
    await asyncio.gather(*(client.done for client in clients))
    taken = time.perf_counter() - started
    milliseconds = [each for client in clients for each in client.milliseconds]
    percentiles = statistics.quantiles(milliseconds, n=100)
    errors = sum(client.errors for client in clients)
    return len(milliseconds), errors, taken, percentiles[49], percentiles[98]
