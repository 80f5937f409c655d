"""A client of the event stream, which reads what arrives frame by frame."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from httpx2 import AsyncClient, Response

PATIENCE_SECONDS = 20.0
PATH = "/api/v1/events"
# The last statement of a connection that listens: it asks now and then whether it is alive.
CUT_LISTENERS = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND (query LIKE 'LISTEN %' OR query = 'SELECT 1')
"""


@dataclass(frozen=True)
class Frame:
    """One block of lines; `retry` in milliseconds."""

    id: str = ""
    event: str = ""
    data: Any = None
    retry: int | None = None
    comment: str = ""


def parsed(lines: list[str]) -> Frame:
    fields = dict(line.partition(": ")[::2] for line in lines)
    return Frame(
        id=fields.get("id", ""),
        event=fields.get("event", ""),
        data=json.loads(fields["data"]) if "data" in fields else None,
        retry=int(fields["retry"]) if "retry" in fields else None,
        comment=fields.get("", ""),
    )


class EventSource:
    """One open stream; `frames` has all that came, heartbeats included."""

    def __init__(self, response: Response) -> None:
        self.response = response
        self.frames: list[Frame] = []
        self._received = asyncio.Event()
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        lines: list[str] = []
        async for line in self.response.aiter_lines():
            if line:
                lines.append(line)
            else:
                self.frames.append(parsed(lines))
                lines = []
                self._received.set()

    @property
    def events(self) -> list[Frame]:
        return [frame for frame in self.frames if frame.event]

    @property
    def last_id(self) -> str:
        return next(frame.id for frame in reversed(self.frames) if frame.id)

    async def until(self, holds: Callable[["EventSource"], bool]) -> None:
        """Wait until the condition holds, which is evaluated after each frame.

        Raises:
            TimeoutError: it did not hold in time.
            RuntimeError: the stream ended before.
        """
        self.task.add_done_callback(lambda _: self._received.set())
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds(self):
                if self.task.done():
                    raise RuntimeError(f"The stream has ended: {self.frames[-3:]}, {self.task}")
                self._received.clear()
                await self._received.wait()

    async def until_received(self, count: int) -> list[Frame]:
        await self.until(lambda source: len(source.events) >= count)
        return self.events

    async def end(self) -> Frame:
        """The last frame, once the service has ended the stream."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.task
        return self.frames[-1]


@asynccontextmanager
async def listening(
    address: str, token: str = "", *, resume_at: str = "", **parameters: str
) -> AsyncIterator[EventSource]:
    """A stream that has begun: later events are received."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    headers |= {"Last-Event-ID": resume_at} if resume_at else {}
    async with (
        # Without certificates, which would take longer to load than all the rest.
        AsyncClient(base_url=address, trust_env=False, verify=False, timeout=None) as client,
        client.stream("GET", PATH, headers=headers, params=parameters) as response,
    ):
        assert response.status_code == 200, await response.aread()
        source = EventSource(response)
        try:
            await source.until(lambda source: bool(source.frames))
            yield source
        finally:
            source.task.cancel()
            await asyncio.wait([source.task])
