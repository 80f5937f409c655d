"""Promise P11 as a drill: tasks, while the workers that are at them are killed.

    python -m benchmarks.lost_workers [TASKS]

Starts PostgreSQL and two workers, enqueues tasks that each change one item, kills one of the
workers with SIGKILL every 3 seconds and starts another in its place, until nothing is left to
do. A worker that the machine has not even started after 3 seconds is killed once it has. Then
reads from the audit log how often each item was changed. Takes a minute or two, stops what it
started, exits with 1 when a promise is broken.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg

from app.config.settings import Settings
from app.db import migrations
from app.db.engine import unit_of_work
from app.devtools.postgres import embedded_postgres
from app.features.background_jobs.job import enqueue
from app.features.items.jobs import ProcessItem
from benchmarks.service import app_command

TASKS = 1000
KILL_SECONDS = 3.0
LIMIT_SECONDS = 300.0
CHUNK = 100
# Without a kill there would be nothing to see: the work has to last for several.
CONCURRENCY = "1"
FILL = """
WITH owner AS (
    INSERT INTO users (id, email, email_canonical, username, username_canonical, password_hash,
                       role, is_active, email_verified)
    VALUES (uuidv7(), 'a@example.com', 'a@example.com', 'a', 'a', '', 'user', true, true)
    RETURNING id
)
INSERT INTO items (id, name, price, owner_id)
SELECT uuidv7(), 'Item ' || n, 1, owner.id FROM owner, generate_series(1, $1::int) n
"""
RECOVERY_SECONDS = 30
UNFINISHED = "SELECT count(*) FROM tasks WHERE status IN ('queued', 'running')"
PICKED = "SELECT id, queue_manager_id AS worker FROM queue.pgqueuer WHERE status = 'picked'"
EFFECTS = """
SELECT count(audit_entries.id) AS effects, count(*) OVER () AS items
FROM items LEFT JOIN audit_entries ON resource_id = items.id AND action = 'item.processed'
GROUP BY items.id
"""
HISTORY = "SELECT status, attempts, count(*) FROM tasks GROUP BY 1, 2 ORDER BY 1, 2"


@contextmanager
def database(folder: Path) -> Iterator[str]:
    with embedded_postgres(folder / "postgres") as url:
        migrations.upgrade(url)
        yield url


class Workers:
    """Two processes of `app worker`; when one is killed, another takes its place."""

    def __init__(self, url: str, log: Path) -> None:
        self._path, self._log = log, log.open("ab")
        self._environment = {
            **os.environ,
            "ENVIRONMENT": "production",
            "SECRET_KEY": uuid.uuid4().hex * 2,
            "DATABASE_URL": url,
            "PUBLIC_URL": "https://api.example.com",
            "WORKER_CONCURRENCY": CONCURRENCY,
            "LOG_LEVEL": "info",
        }
        self._processes = [self._start(), self._start()]
        self.kills = 0
        # Which worker held each job when one was killed, and since when that was so.
        self._held: dict[int, tuple[uuid.UUID, float]] = {}
        self.recoveries: list[float] = []

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            app_command("worker"), env=self._environment, stdout=self._log, stderr=self._log
        )

    @property
    def is_next_at_work(self) -> bool:
        return self._path.read_bytes().count(b"worker started") > self.kills

    def note_recoveries(self, picked: list[asyncpg.Record]) -> None:
        """A worker that holds a job of another one has it because the lease expired."""
        for job, worker in picked:
            holder, since = self._held.get(job, (worker, 0.0))
            if holder != worker:
                self.recoveries.append(time.monotonic() - since)
                del self._held[job]

    def note_kill(self, picked: list[asyncpg.Record]) -> None:
        for job, worker in picked:
            self._held.setdefault(job, (worker, time.monotonic()))

    def kill_one(self) -> None:
        victim = self._processes.pop(0)
        victim.kill()
        victim.wait()
        self.kills += 1
        self._processes.append(self._start())

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(20)
        self._log.close()


async def fill(url: str, count: int) -> None:
    connection = await asyncpg.connect(plain(url))
    await connection.execute(FILL, count)
    items = await connection.fetch("SELECT id FROM items")
    await connection.close()
    settings = Settings(_env_file=None, database_url=url)
    for start in range(0, count, CHUNK):
        async with unit_of_work(settings) as uow:
            for item in items[start : start + CHUNK]:
                await enqueue(uow, ProcessItem(item_id=item["id"]))


def plain(url: str) -> str:
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)


async def work_off(url: str, workers: Workers) -> float:
    """Return the seconds that it took, or those after which there was no point in waiting."""
    connection, started = await asyncpg.connect(plain(url)), time.monotonic()
    next_kill = started + KILL_SECONDS
    with suppress(TimeoutError):
        async with asyncio.timeout(LIMIT_SECONDS):
            while await connection.fetchval(UNFINISHED):
                await asyncio.sleep(0.2)
                workers.note_recoveries(await connection.fetch(PICKED))
                if time.monotonic() >= next_kill and workers.is_next_at_work:
                    workers.note_kill(await connection.fetch(PICKED))
                    workers.kill_one()
                    next_kill = time.monotonic() + KILL_SECONDS
    await connection.close()
    return time.monotonic() - started


async def report(url: str, workers: Workers, seconds: float) -> bool:
    connection = await asyncpg.connect(plain(url))
    effects = Counter(row["effects"] for row in await connection.fetch(EFFECTS))
    history = await connection.fetch(HISTORY)
    await connection.close()
    lost, doubled = effects[0], sum(count for times, count in effects.items() if times > 1)
    longest = max(workers.recoveries, default=0.0)
    print(f"  tasks                {effects.total()}, worked off in {seconds:.0f} s")
    print(f"  workers killed       {workers.kills}")
    print(f"  lost                 {lost} (promised 0)")
    print(f"  doubled effects      {doubled} (promised 0)")
    taken_over = len(workers.recoveries)
    print(f"  taken over           {taken_over}, {longest:.1f} s after a kill (promised 30)")
    for row in history:
        print(f"  {row['status']:<10} after attempt {row['attempts']}: {row['count']}")
    return lost == doubled == 0 and longest <= RECOVERY_SECONDS


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else TASKS
    with tempfile.TemporaryDirectory() as name, database(Path(name)) as url:
        asyncio.run(fill(url, count))
        workers = Workers(url, Path(name) / "workers.log")
        try:
            seconds = asyncio.run(work_off(url, workers))
        finally:
            workers.stop()
        is_kept = asyncio.run(report(url, workers, seconds))
    raise SystemExit(0 if is_kept else 1)


if __name__ == "__main__":
    main()
