"""Promise P21 as a drill: what a stream of events survives, and what it leaves behind.

    python -m benchmarks.events [FOLLOWERS]

Starts PostgreSQL and the service with two workers, lets 100 clients follow while items are
created, ends every connection that listens for five seconds, and counts what each client
missed or received twice. Then the service is stopped. Last, 1,000 clients come and go at a
service in this process. Prints the figures beside what is promised, stops what it started,
exits with 1 when a promise is broken. Takes about a minute.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path

import asyncpg
import httpx2

from app.config.settings import load_settings
from app.db import migrations
from app.devtools.postgres import embedded_postgres
from app.features.users.passwords import PasswordHasher
from app.main import create_app
from benchmarks.harness.event_source import CUT_LISTENERS, EventSource, listening
from benchmarks.harness.servers import serving
from benchmarks.login_flood import FILL, PASSWORD, Figure
from benchmarks.service import Service, running_service

FOLLOWERS = 100
CALM_SECONDS = 3.0
LOSS_SECONDS = 5.0
WRITE_EVERY_SECONDS = 0.02
CATCH_UP_SECONDS = 10.0
VISITORS = 1000
AT_ONCE = 20

MAX_SECONDS_TO_STOP = 15


def main() -> int:
    followers = int(sys.argv[1]) if len(sys.argv) > 1 else FOLLOWERS
    with tempfile.TemporaryDirectory() as folder, database(Path(folder)) as url:
        with service(Path(folder), url) as running:
            figures = asyncio.run(follow(running, followers))
        figures += asyncio.run(come_and_go(url, Path(folder)))
    print(*figures, sep="\n")
    return 0 if all(figure.is_kept for figure in figures) else 1


@contextmanager
def database(folder: Path) -> Iterator[str]:
    with embedded_postgres(folder / "postgres") as url:
        migrations.upgrade(url)
        asyncio.run(fill(url))
        yield url


async def fill(url: str) -> None:
    hasher = PasswordHasher(max_concurrency=1)
    password_hash = await hasher.hash(PASSWORD)
    hasher.close()
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.execute(FILL, password_hash, 1)
    await connection.close()


@contextmanager
def service(folder: Path, url: str) -> Iterator[Service]:
    settings = {
        "ENVIRONMENT": "test",
        "DATABASE_URL": url,
        "LOG_LEVEL": "error",
        "RATE_LIMIT_ENABLED": "false",
        "EVENT_STREAMS_PER_USER": "2000",
    }
    with running_service(folder, settings, workers=2) as running:
        yield running


async def follow(running: Service, count: int) -> list[Figure]:
    token = await sign_in(running.url)
    async with AsyncExitStack() as stack:
        sources = [
            await stack.enter_async_context(listening(running.url, token)) for _ in range(count)
        ]
        writer = Writer(running.url, token)
        delays = Delays(sources[0], writer)
        await asyncio.sleep(CALM_SECONDS)
        calm = delays.median_milliseconds()
        cut = await cut_listeners(running.environment["DATABASE_URL"])
        created = await writer.stop()
        await received_by_all(sources, len(created))
        figures = [*completeness(sources, created), Figure("listeners cut", cut, "")]
        figures.append(Figure("from commit to client, median, calm", calm, "ms"))
        return [*figures, await farewell(running, sources)]


async def sign_in(address: str) -> str:
    form = {"username": "user-1", "password": PASSWORD}
    async with httpx2.AsyncClient(base_url=address, trust_env=False) as client:
        response = await client.post("/api/v1/auth/token", data=form)
    token: str = response.json()["access_token"]
    return token


class Writer:
    """Creates items at a constant rate, over a few connections to either worker."""

    def __init__(self, address: str, token: str) -> None:
        self.created: dict[str, float] = {}
        self._address = address
        self._headers = {"Authorization": f"Bearer {token}"}
        self._is_stopped = False
        self._tasks = [asyncio.create_task(self._write()) for _ in range(2)]

    async def stop(self) -> list[str]:
        self._is_stopped = True
        await asyncio.gather(*self._tasks)
        return list(self.created)

    async def _write(self) -> None:
        body = {"name": "Walnut desk", "price": "899.00"}
        async with httpx2.AsyncClient(
            base_url=self._address, headers=self._headers, trust_env=False
        ) as client:
            while not self._is_stopped:
                response = await client.post("/api/v1/items", json=body)
                self.created[response.raise_for_status().json()["id"]] = time.perf_counter()
                await asyncio.sleep(WRITE_EVERY_SECONDS)


class Delays:
    """The delay from the response to the writer until one client receives the event."""

    def __init__(self, source: EventSource, writer: Writer) -> None:
        self._seconds: list[float] = []
        self._task = asyncio.create_task(self._watch(source, writer))

    def median_milliseconds(self) -> float:
        self._task.cancel()
        return statistics.median(self._seconds) * 1000

    async def _watch(self, source: EventSource, writer: Writer) -> None:
        seen = 0
        while True:
            for frame in source.events[seen:]:
                answered = writer.created.get(frame.data["data"]["id"])
                received = time.perf_counter()
                self._seconds.append(max(0.0, received - answered) if answered else 0.0)
                seen += 1
            await asyncio.sleep(0.001)


async def cut_listeners(url: str) -> int:
    """End every connection that listens, as soon as it is back, for five seconds."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    ends, count = time.monotonic() + LOSS_SECONDS, 0
    while time.monotonic() < ends:
        count += await connection.fetchval(CUT_LISTENERS)
        await asyncio.sleep(0.02)
    await connection.close()
    return count


async def received_by_all(sources: list[EventSource], count: int) -> None:
    """Wait until they have received as many events, up to the limit for catching up."""
    with suppress(TimeoutError):
        async with asyncio.timeout(CATCH_UP_SECONDS):
            for source in sources:
                await source.until_received(count)


def completeness(sources: list[EventSource], created: list[str]) -> list[Figure]:
    gaps = repetitions = disorder = 0
    first = [frame.data["data"]["id"] for frame in sources[0].events]
    for source in sources:
        received = [frame.data["data"]["id"] for frame in source.events]
        counts = Counter(received)
        gaps += sum(item_id not in counts for item_id in created)
        repetitions += sum(count - 1 for count in counts.values())
        disorder += received != first
    return [
        Figure(f"events, to {len(sources)} clients each", len(created), ""),
        Figure("gaps", gaps, "", 0),
        Figure("repetitions", repetitions, "", 0),
        Figure("clients with another order", disorder, "", 0),
    ]


async def farewell(running: Service, sources: list[EventSource]) -> Figure:
    started = time.monotonic()
    running.process.terminate()
    hints = [await source.end() for source in sources]
    await asyncio.to_thread(running.process.wait, 60)
    if not all(hint.retry for hint in hints):
        raise RuntimeError("A stream ended without saying when to come back.")
    return Figure("from SIGTERM to gone", time.monotonic() - started, "s", MAX_SECONDS_TO_STOP)


async def come_and_go(url: str, folder: Path) -> list[Figure]:
    settings = load_settings(
        environment="test",
        database_url=url,
        log_level="error",
        rate_limit_enabled=False,
        storage_url=str(folder / "files"),
        run_worker=False,
        event_streams_per_user=2 * AT_ONCE,
        # Soon full, so that no connection to the database is taken for one left behind.
        database_pool_size=1,
    )
    app = create_app(settings)
    async with app.router.lifespan_context(app), serving(app) as port:
        address = f"http://127.0.0.1:{port}"
        token = await sign_in(address)
        await visits(address, token, AT_ONCE * 2)
        before = await left_over()
        await visits(address, token, VISITORS)
        after = await left_over()
    names = ("descriptors", "tasks")
    return [
        Figure(f"{name} left by {VISITORS} clients", now - then, "", 0)
        for name, then, now in zip(names, before, after, strict=True)
    ]


async def visits(address: str, token: str, count: int) -> None:
    for _ in range(count // AT_ONCE):
        async with AsyncExitStack() as stack:
            for _ in range(AT_ONCE):
                await stack.enter_async_context(listening(address, token))


async def left_over() -> tuple[int, int]:
    """Descriptors and tasks, once those that are on their way out are gone."""
    await asyncio.sleep(2)
    return open_descriptors(), len(asyncio.all_tasks())


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


if __name__ == "__main__":
    raise SystemExit(main())
