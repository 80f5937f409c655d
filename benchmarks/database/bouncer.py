"""PgBouncer in transaction mode: many share few connections, and none gets another's answer."""

import asyncio
import tempfile
from pathlib import Path

from app.db import migrations
from app.devtools.postgres import embedded_postgres
from app.devtools.postgres_server import Server
from benchmarks.database.durability import durability_figures, restart, settings
from benchmarks.database.failover import ask
from benchmarks.database.history import load, until_acked
from benchmarks.harness.pgbouncer import pgbouncer, program
from benchmarks.login_flood import Figure
from benchmarks.service import Service, running_service

CLIENTS, WORKERS, POOL_SIZE = 12, 2, 4
LOAD_SECONDS = 10
MAX_RECOVERY_SECONDS = 5
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'drill'"


def drill() -> list[Figure]:
    program()  # Before anything is started.
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as bouncer:
        folder = Path(name)
        with (
            embedded_postgres(folder / "postgres") as url,
            pgbouncer(Path(bouncer), url, pool_size=POOL_SIZE) as pooled,
        ):
            migrations.upgrade(url)
            given = settings(pooled) | {"DATABASE_PGBOUNCER": "true", "DATABASE_DIRECT_URL": url}
            with running_service(folder, given, workers=WORKERS) as service:
                return asyncio.run(measure(service, Server(folder / "postgres"), url))


async def measure(service: Service, server: Server, url: str) -> list[Figure]:
    async with load(service, url, CLIENTS) as history:
        await asyncio.sleep(LOAD_SECONDS)
        errors = history.failed
        connections = await ask(url, CONNECTIONS)
        recovery = await until_acked(history, await restart(server))
    lost, doubled = await history.check(url)
    return [
        Figure(f"requests of {CLIENTS} clients in {LOAD_SECONDS} s", len(history.writes) * 2, ""),
        Figure("errors", errors, "", 0),
        # One for each process listens past it.
        Figure("connections to PostgreSQL", int(str(connections)), "", POOL_SIZE + WORKERS),
        Figure("from a restart to the next write", recovery, "s", MAX_RECOVERY_SECONDS),
        *durability_figures(history, lost, doubled),
    ]
