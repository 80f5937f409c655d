"""Promise P1: no kill -9 of a worker or of PostgreSQL loses a write that was acknowledged."""

import asyncio
import os
import signal
import tempfile
import time
from pathlib import Path

import asyncpg

from app.db import migrations
from app.devtools.postgres import embedded_postgres
from app.devtools.postgres_server import Server
from benchmarks.database.history import History, load, until_acked
from benchmarks.login_flood import Figure
from benchmarks.service import Service, plain, running_service

KILLS, RESTARTS = 20, 10
CLIENTS, WORKERS = 6, 2
LEAK_SECONDS = 30
MAX_RECOVERY_SECONDS = 5
# Of each process: writes, reads, guesses, notifications.
MAX_CONNECTIONS = WORKERS * (10 + 5 + 10 + 4 + 1)
IN_TRANSACTION = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'drill'"


def settings(url: str) -> dict[str, str]:
    return {
        "ENVIRONMENT": "test",
        "PROJECT_NAME": "drill",
        "DATABASE_URL": url,
        "LOG_LEVEL": "error",
        "RATE_LIMIT_ENABLED": "false",
    }


def drill() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        postgres = Path(folder) / "postgres"
        with embedded_postgres(postgres) as url:
            migrations.upgrade(url)
            with running_service(Path(folder), settings(url), workers=WORKERS) as service:
                return asyncio.run(measure(service, Server(postgres), url))


async def measure(service: Service, server: Server, url: str) -> list[Figure]:
    kills, restarts = [], []
    async with load(service, url, CLIENTS) as history:
        for number in range(KILLS):
            workers = await asyncio.to_thread(service.workers)
            os.kill(workers[0], signal.SIGKILL)
            kills.append(await until_acked(history, time.monotonic()))
            # While the worker is being replaced.
            if number < RESTARTS:
                restarts.append(await until_acked(history, await restart(server)))
            await until_replaced(service, workers[0])
    lost, doubled = await history.check(url)
    await asyncio.sleep(LEAK_SECONDS)
    return [
        *durability_figures(history, lost, doubled),
        *recovered(kills, restarts),
        *await leaks(url),
    ]


async def until_replaced(service: Service, victim: int) -> None:
    while len(set(await asyncio.to_thread(service.workers)) - {victim}) < WORKERS:
        await asyncio.sleep(0.05)


async def restart(server: Server) -> float:
    """Stop PostgreSQL in immediate mode and start it; return the moment of its return."""
    pid = int((server.cluster / "postmaster.pid").read_text(encoding="ascii").split()[0])
    os.kill(pid, signal.SIGQUIT)
    await asyncio.to_thread(server.ensure_running, durable=True)
    return time.monotonic()


def durability_figures(history: History, lost: int, doubled: int) -> list[Figure]:
    return [
        Figure("acknowledged writes", len(history.acked), ""),
        Figure("requests without an answer", history.unanswered, ""),
        Figure("requests answered by an error", len(history.rejected), ""),
        Figure("errors that are no problem+json", history.odd, "", 0),
        Figure("answers of 500", sum(each.status == 500 for each in history.rejected), "", 0),
        Figure("acknowledged writes that are lost", lost, "", 0),
        Figure("writes that are there twice", doubled, "", 0),
    ]


def recovered(kills: list[float], restarts: list[float]) -> list[Figure]:
    return [
        # Up to the time that a worker takes to start, when it hits the one that was ready.
        Figure(f"{len(kills)} kills: next write, at most", max(kills), "s"),
        Figure(
            f"{len(restarts)} restarts: write after, at most",
            max(restarts),
            "s",
            MAX_RECOVERY_SECONDS,
        ),
    ]


async def leaks(url: str) -> list[Figure]:
    connection = await asyncpg.connect(plain(url))
    stuck, opened = [await connection.fetchval(query) for query in (IN_TRANSACTION, CONNECTIONS)]
    await connection.close()
    return [
        Figure(f"transactions left after {LEAK_SECONDS} s", stuck, "", 0),
        Figure(f"connections after {LEAK_SECONDS} s", opened, "", MAX_CONNECTIONS),
    ]
