"""Clients that write and read without a pause, and the history of their responses."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
import httpx2

from benchmarks.login_flood import PASSWORD, fill
from benchmarks.service import Service, plain

UNKNOWN = 0
Act = Callable[[httpx2.AsyncClient, "History"], Coroutine[None, None, None]]
PAUSE_SECONDS = 0.02
TIMEOUT_SECONDS = 10
FOUND = "SELECT name, count(*) FROM items WHERE name = ANY($1) GROUP BY name"


@dataclass
class Entry:
    """One request; without a response its status is 0, and its outcome is unknown."""

    request_id: str
    start: float
    end: float = 0
    status: int = UNKNOWN
    row_id: str | None = None
    is_problem: bool = False
    code: str = ""


@dataclass
class History:
    writes: list[Entry] = field(default_factory=list)
    reads: list[Entry] = field(default_factory=list)

    @property
    def acked(self) -> list[Entry]:
        return [entry for entry in self.writes if entry.status == httpx2.codes.CREATED]

    @property
    def unanswered(self) -> int:
        # One that has not ended is still on its way.
        return sum(entry.end > 0 and not entry.status for entry in self.writes + self.reads)

    @property
    def rejected(self) -> list[Entry]:
        """Answers that are errors."""
        return [entry for entry in self.writes + self.reads if entry.status >= 400]

    @property
    def failed(self) -> int:
        """Failures, except rejections by load shedding."""
        return self.unanswered + sum(entry.code != "overloaded" for entry in self.rejected)

    @property
    def odd(self) -> int:
        """Errors that are no problem documents."""
        return sum(not entry.is_problem for entry in self.rejected)

    @property
    def unseen(self) -> int:
        """Own writes that were not found in the next request."""
        return sum(entry.status == httpx2.codes.NOT_FOUND for entry in self.reads)

    async def check(self, url: str) -> tuple[int, int]:
        """How many acknowledged writes are lost, and how many of all are there twice."""
        connection = await asyncpg.connect(plain(url))
        names = [entry.request_id for entry in self.writes]
        found = Counter({row["name"]: row["count"] for row in await connection.fetch(FOUND, names)})
        await connection.close()
        lost = sum(found[entry.request_id] == 0 for entry in self.acked)
        return lost, sum(count > 1 for count in found.values())


@asynccontextmanager
async def load(
    service: Service, url: str, writers: int, readers: int = 0
) -> AsyncIterator[History]:
    """Clients that repeatedly create an item and read it, and others that read lists."""
    await fill(url, writers + readers)
    tokens = [await asyncio.to_thread(sign_in, service, n + 1) for n in range(writers + readers)]
    history = History()
    acts = [write_and_read] * writers + [read_lists] * readers
    tasks = [
        asyncio.create_task(repeat(act, service, token, history))
        for act, token in zip(acts, tokens, strict=True)
    ]
    try:
        yield history
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def sign_in(service: Service, number: int) -> str:
    form = {"username": f"user-{number}", "password": PASSWORD}
    response = service.request("POST", "/api/v1/auth/token", data=form)
    return str(response.json()["access_token"])


async def repeat(act: Act, service: Service, token: str, history: History) -> None:
    async with httpx2.AsyncClient(
        base_url=service.url,
        headers={"Authorization": f"Bearer {token}"},
        # A connection for each request, so that any worker may get the next one.
        limits=httpx2.Limits(max_keepalive_connections=0),
        timeout=TIMEOUT_SECONDS,
        trust_env=False,
    ) as client:
        while True:
            await act(client, history)
            await asyncio.sleep(PAUSE_SECONDS)


async def write_and_read(client: httpx2.AsyncClient, history: History) -> None:
    written = await send(client, history.writes, "POST", "/api/v1/items")
    if written.row_id:
        await send(client, history.reads, "GET", f"/api/v1/items/{written.row_id}")


async def read_lists(client: httpx2.AsyncClient, history: History) -> None:
    await send(client, history.reads, "GET", "/api/v1/items?limit=1")


async def send(client: httpx2.AsyncClient, entries: list[Entry], method: str, path: str) -> Entry:
    entry = Entry(uuid.uuid4().hex, time.monotonic())
    body = {"name": entry.request_id, "price": "1.00"} if method == "POST" else None
    entries.append(entry)
    try:
        response = await client.request(method, path, json=body)
    except httpx2.TransportError:
        return entry
    finally:
        entry.end = time.monotonic()
    entry.status = response.status_code
    entry.is_problem = response.headers.get("content-type") == "application/problem+json"
    if entry.is_problem:
        entry.code = response.json()["code"]
    if entry.status == httpx2.codes.CREATED:
        entry.row_id = response.json()["id"]
    return entry


async def until_acked(history: History, since: float, seconds: float = 30) -> float:
    """Seconds from `since` to the end of the first acknowledged write that began after it."""
    async with asyncio.timeout(seconds):
        while True:
            ends = [entry.end for entry in history.acked if entry.start > since]
            if ends:
                return min(ends) - since
            await asyncio.sleep(0.02)
