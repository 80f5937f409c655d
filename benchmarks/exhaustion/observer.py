"""Measurements from the view of other clients: liveness, ordinary reads, memory of the service."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from benchmarks.exhaustion.client import request
from benchmarks.processes import resident_bytes, tree

T = TypeVar("T")

# At a constant rate: a client that waits for its answer would hide a stall.
PROBES_PER_SECOND = 40
READS_PER_SECOND = 40
SAMPLE_SECONDS = 0.1
RECOVERY_SECONDS = 20.0
QUIET_PROBES, QUIET_MILLISECONDS = 5, 50.0
ANSWERED_SECONDS = 10.0
MEBI = 1024 * 1024


@dataclass
class Observation:
    """Milliseconds of the answers; a request without a good answer counts as failed."""

    probes: list[float] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)
    failed_probes: int = 0
    failed_reads: int = 0
    peak_bytes: int = 0

    def percentile(self, of: str, percent: int) -> float:
        values = self.probes if of == "probes" else self.reads
        if len(values) < 2:
            return values[0] if values else float("inf")
        return statistics.quantiles(values, n=100)[percent - 1]


Send = Callable[[Observation], Coroutine[Any, Any, None]]


class Observer:
    """An open-loop load of probes and reads against one service."""

    def __init__(self, port: int, pid: int, token: str) -> None:
        self._port = port
        self._pid = pid
        self._token = token

    def memory(self) -> int:
        """Resident bytes of the service and its workers."""
        total = 0
        for pid in tree(self._pid):
            with suppress(FileNotFoundError, ProcessLookupError, ValueError):
                total += resident_bytes(pid)
        return total

    async def during(self, work: Awaitable[T]) -> tuple[T, Observation]:
        """Observe until the work is done and everything that was sent is answered."""
        seen = Observation()
        stop = asyncio.Event()
        loops = asyncio.gather(
            self._repeat(stop, 1 / PROBES_PER_SECOND, self._probe, seen),
            self._repeat(stop, 1 / READS_PER_SECOND, self._read, seen),
            self._sample(stop, seen),
        )
        try:
            return await work, seen
        finally:
            stop.set()
            await loops

    async def until_quiet(self) -> None:
        """Wait until probes are fast again, so that one attack is not measured in the next."""
        deadline, fast = time.monotonic() + RECOVERY_SECONDS, 0
        while fast < QUIET_PROBES and time.monotonic() < deadline:
            is_good, milliseconds = await self._timed("/liveness", "")
            fast = fast + 1 if is_good and milliseconds < QUIET_MILLISECONDS else 0
            await asyncio.sleep(SAMPLE_SECONDS)

    async def _repeat(
        self, stop: asyncio.Event, interval: float, send: Send, seen: Observation
    ) -> None:
        tasks: list[asyncio.Task[None]] = []
        due = time.monotonic()
        while not stop.is_set():
            tasks.append(asyncio.create_task(send(seen)))
            due += interval
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await asyncio.gather(*tasks)

    async def _probe(self, seen: Observation) -> None:
        is_good, milliseconds = await self._timed("/liveness", "")
        seen.probes.append(milliseconds)
        seen.failed_probes += not is_good

    async def _read(self, seen: Observation) -> None:
        is_good, milliseconds = await self._timed("/api/v1/items?limit=5", self._token)
        seen.reads.append(milliseconds)
        seen.failed_reads += not is_good

    async def _timed(self, path: str, token: str) -> tuple[bool, float]:
        started = time.perf_counter()
        response = await request(self._port, "GET", path, token=token, seconds=ANSWERED_SECONDS)
        return response.status == "200", (time.perf_counter() - started) * 1000

    async def _sample(self, stop: asyncio.Event, seen: Observation) -> None:
        while not stop.is_set():
            seen.peak_bytes = max(seen.peak_bytes, self.memory())
            await asyncio.sleep(SAMPLE_SECONDS)
