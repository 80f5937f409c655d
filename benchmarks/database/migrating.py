"""Promise P19: replicas that migrate at once all succeed, and there is a way back."""

import asyncio
import subprocess
import tempfile
import time
from pathlib import Path

from app.db import migrations
from app.devtools.postgres import embedded_postgres
from app.devtools.postgres_process import binary
from benchmarks.database.failover import ask
from benchmarks.login_flood import Figure
from benchmarks.service import ROOT, app_command

REPLICAS, ROUNDS = 5, 20


def drill() -> list[Figure]:
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded_postgres(Path(folder) / "postgres", durable=False) as url,
    ):
        seconds, failures, schemas = [], 0, set()
        for number in range(ROUNDS):
            asyncio.run(ask(url, f"CREATE DATABASE round_{number}"))
            fresh = f"{url.removesuffix('/app')}/round_{number}"
            started = time.monotonic()
            failures += sum(code != 0 for code in migrate_at_once(fresh, Path(folder)))
            seconds.append(time.monotonic() - started)
            schemas.add(schema(fresh))
        migrations.downgrade(fresh, "base")
        migrations.upgrade(fresh)
        schemas.add(schema(fresh))
    return [
        Figure(f"{ROUNDS} rounds of {REPLICAS} replicas, failed", failures, "", 0),
        Figure("slowest round", max(seconds), "s"),
        Figure("different schemas, after down and up", len(schemas), "", 1),
    ]


def migrate_at_once(url: str, folder: Path) -> list[int]:
    environment = {"DATABASE_URL": url, "PYTHONPATH": str(ROOT)}
    replicas = [
        subprocess.Popen(app_command("db", "upgrade"), env=environment, cwd=folder)
        for _ in range(REPLICAS)
    ]
    return [replica.wait(60) for replica in replicas]


def schema(url: str) -> str:
    options = ["--schema-only", "--restrict-key=drill", f"--dbname={url}"]
    dump = subprocess.run(
        [binary("pg_dump"), *options], stdout=subprocess.PIPE, text=True, check=True
    )
    return dump.stdout
