"""A synchronous streaming replica: reads go there, own writes are seen, the primary may die."""

import asyncio
import tempfile
import time
from pathlib import Path

import asyncpg

from app.db import migrations
from app.devtools.postgres import embedded_postgres
from app.devtools.postgres_server import Server
from benchmarks.database.durability import durability_figures, settings
from benchmarks.database.history import load, until_acked
from benchmarks.harness.standby import Standby, kill, replica_of
from benchmarks.login_flood import Figure
from benchmarks.service import Service, plain, running_service

CLIENTS, READERS, WORKERS = 4, 4, 2
LEVEL_SECONDS, LAG_SECONDS = 8, 5
MAX_RECOVERY_SECONDS = 5
SCANS = "SELECT sum(seq_scan + idx_scan)::int FROM pg_stat_user_tables WHERE relname = 'items'"


def drill() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        postgres = Path(folder) / "postgres"
        with (
            embedded_postgres(postgres) as url,
            replica_of(postgres, Path(folder) / "standby") as standby,
        ):
            migrations.upgrade(url)
            # Otherwise the newest acknowledged writes would die with the primary.
            asyncio.run(ask(url, "ALTER SYSTEM SET synchronous_standby_names = '*'"))
            asyncio.run(ask(url, "SELECT pg_reload_conf()"))
            hosts = f"{url.removesuffix('/app')},127.0.0.1:{standby.url.rpartition(':')[2]}"
            given = settings(f"{hosts}?target_session_attrs=read-write")
            given["DATABASE_REPLICA_URL"] = standby.url
            with running_service(Path(folder), given, workers=WORKERS) as service:
                return asyncio.run(measure(service, Server(postgres), standby))


async def measure(service: Service, primary: Server, standby: Standby) -> list[Figure]:
    async with load(service, primary.url, CLIENTS, readers=READERS) as history:
        await asyncio.sleep(LEVEL_SECONDS)
        level = len(history.reads)
        await ask(standby.url, "SELECT pg_wal_replay_pause()")
        await asyncio.sleep(LAG_SECONDS)
        health = await asyncio.to_thread(service.request, "GET", "/health")
        await ask(standby.url, "SELECT pg_wal_replay_resume()")
        errors, reads = history.failed, len(history.reads)
        used = int(str(await ask(standby.url, SCANS)))
        kill(primary)
        await ask(standby.url, "SELECT pg_promote()")
        recovery = await until_acked(history, time.monotonic())
        await asyncio.sleep(1)
    lost, doubled = await history.check(standby.url)
    return [
        Figure("reads with the replica level", level, ""),
        Figure(f"reads while it stands still, {LAG_SECONDS} s", reads - level, ""),
        Figure("scans of items on the replica", used, ""),
        Figure("own writes that were not seen", history.unseen, "", 0),
        Figure("errors before the primary died", errors, "", 0),
        Figure("/health without status degraded", health.json()["status"] != "degraded", "", 0),
        Figure("from the promotion to the next write", recovery, "s", MAX_RECOVERY_SECONDS),
        *durability_figures(history, lost, doubled),
    ]


async def ask(url: str, question: str) -> object:
    connection = await asyncpg.connect(plain(url))
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()
