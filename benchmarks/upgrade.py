"""Promise P29 as a drill: migrations under load, while the previous release serves.

    python -m benchmarks.upgrade [--previous REVISION]

Takes the code of the previous release from git (the newest commit unless another one is named),
migrates a database up to its last migration, fills it and lets that release serve under load. Then
it runs the migrations of this working copy and one more, which adds a column, replaces a foreign
key and builds an index, changes the type of a column, and does the latter once more while this
working copy serves. Prints the failed requests and the longest lock that keeps requests waiting
beside what is promised; exits with 1 when a promise is broken. Takes about a minute, uses the
packages of this environment for both releases, and stops what it started. Migrations were squashed
before the first release: an earlier commit cannot be the previous one.
"""

import argparse
import asyncio
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from io import BytesIO
from pathlib import Path

import asyncpg

from app.db.revisions import known_revisions
from app.devtools.postgres import embedded_postgres
from benchmarks.database.durability import settings
from benchmarks.database.history import History, load
from benchmarks.login_flood import Figure, fill
from benchmarks.service import ROOT, Service, app_command, plain, running_service
from benchmarks.tools import MissingTool, require

PREVIOUS = "HEAD"
WRITERS, READERS, WORKERS = 2, 2, 1
CALM_SECONDS, SAMPLE_SECONDS = 3, 0.01
MAX_LOCK_SECONDS = 1
MIGRATION = "drill-migration"
FILL = """
INSERT INTO items (id, name, price, owner_id)
SELECT uuidv7(), 'item ' || n, 1 + n % 100, (SELECT id FROM users LIMIT 1)
FROM generate_series(1, 50000) n;
INSERT INTO webhooks (id, owner_id, url, events, scopes, secret_encrypted)
SELECT uuidv7(), id, 'https://127.0.0.1/', '{}', '{}', '' FROM users LIMIT 1;
INSERT INTO webhook_deliveries (id, webhook_id, event_type, payload, status)
SELECT uuidv7(), (SELECT id FROM webhooks LIMIT 1), 'item.created', '{}', 'succeeded'
FROM generate_series(1, 50000) n;
ANALYZE
"""
# All that make those wait who read or write rows; an index is built concurrently with a weaker one.
BLOCKING = """
SELECT relation::regclass::text AS relation, mode FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE application_name = $1 AND granted AND locktype = 'relation'
AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
"""
# The kinds of changes that take locks, on the table that all requests read or write.
ONE_MORE = """
import sqlalchemy as sa
from alembic import op

revision = "999_drill"
down_revision = "{newest}"


def upgrade():
    op.add_column("items", sa.Column("drill", sa.String(30)))
    op.drop_constraint("fk_items_category_id", "items")
    op.create_foreign_key(
        "fk_items_category_id",
        "items",
        "categories",
        ["category_id"],
        ["id"],
        postgresql_not_valid=True,
    )
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE items VALIDATE CONSTRAINT fk_items_category_id")
        op.create_index("ix_items_drill", "items", ["drill"], postgresql_concurrently=True)
"""
CHANGE_TYPE = "ALTER TABLE items ALTER COLUMN tax TYPE numeric({}, 2)"


def main() -> int:
    options = parser().parse_args()
    try:
        figures = drill(options.previous)
    except MissingTool as missing:
        print(missing, file=sys.stderr)
        return 2
    print(*figures, sep="\n")
    return 0 if all(figure.is_kept for figure in figures) else 1


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description="Migrations under load.")
    found.add_argument("--previous", default=PREVIOUS, help="the release that serves, in git")
    return found


def drill(previous: str) -> list[Figure]:
    with (
        tempfile.TemporaryDirectory() as name,
        embedded_postgres(Path(name) / "postgres") as url,
    ):
        folder = Path(name)
        before = check_out(previous, folder / "previous")
        after = with_one_more_migration(folder / "this")
        migrate(url, before, folder)
        asyncio.run(prepare(url))
        given = settings(url) | {"REQUEST_TIMEOUT_SECONDS": "10"}
        with running_service(folder, given, WORKERS, code=before) as service:
            figures = asyncio.run(while_previous_serves(service, url, after))
        with running_service(folder, given, WORKERS, code=after) as service:
            return [*figures, *asyncio.run(while_this_serves(service, url))]


def check_out(revision: str, folder: Path) -> Path:
    """Return the folder with the code of the revision.

    Raises:
        MissingTool: there is no git, or it has no such revision.
    """
    git = require("git", "install it, the previous release comes from there")
    command = [git, "-C", str(ROOT), "archive", "--format=tar", revision]
    packed = subprocess.run(command, capture_output=True, check=False)
    if packed.returncode:
        raise MissingTool(f"git has no revision {revision}: name another one with --previous.")
    with tarfile.open(fileobj=BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def with_one_more_migration(folder: Path) -> Path:
    """Return the folder with a copy of this working copy and one more migration."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("app", "alembic"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "alembic.ini", folder)
    text = ONE_MORE.format(newest=known_revisions()[0])
    (folder / "alembic" / "versions" / "999_drill.py").write_text(text, encoding="utf-8")
    return folder


def migrate(url: str, code: Path, folder: Path) -> None:
    """Run the migrations of that code, under a name by which the locks are found."""
    environment = {
        "DATABASE_URL": f"{url}?application_name={MIGRATION}",
        "PYTHONPATH": str(code),
    }
    subprocess.run(app_command("db", "upgrade", code=code), env=environment, cwd=folder, check=True)


async def prepare(url: str) -> None:
    await fill(url, WRITERS + READERS)
    await run(url, FILL)


async def run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(plain(url), server_settings={"application_name": MIGRATION})
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def while_previous_serves(service: Service, url: str, after: Path) -> list[Figure]:
    async with load(service, url, WRITERS, readers=READERS) as history:
        await asyncio.sleep(CALM_SECONDS)
        before = history.failed
        async with Locks.watched(url) as locks:
            started = time.monotonic()
            await asyncio.to_thread(migrate, url, after, after)
            seconds = time.monotonic() - started
        await asyncio.sleep(CALM_SECONDS)
        failed = history.failed - before
        async with Locks.watched(url) as change:
            await run(url, CHANGE_TYPE.format(6))
        await asyncio.sleep(CALM_SECONDS)
        outdated = history.failed - before - failed
    lost, _ = await history.check(url)
    return [
        Figure("requests while the previous release serves", requests(history), ""),
        Figure("failed before the migrations", before, "", 0),
        Figure("migrations", seconds, "s"),
        Figure("failed during and after them", failed, "", 0),
        Figure(f"longest lock: {locks.worst}", locks.longest, "s", MAX_LOCK_SECONDS),
        # No promise: a published release cannot be fixed.
        Figure("failed after another column type", outdated, ""),
        Figure(f"longest lock: {change.worst}", change.longest, "s", MAX_LOCK_SECONDS),
        Figure("acknowledged writes that are lost", lost, "", 0),
    ]


async def while_this_serves(service: Service, url: str) -> list[Figure]:
    async with load(service, url, WRITERS, readers=READERS) as history:
        for precision in (7, 8):
            await asyncio.sleep(CALM_SECONDS)
            await run(url, CHANGE_TYPE.format(precision))
        await asyncio.sleep(CALM_SECONDS)
        failed = history.failed
    lost, _ = await history.check(url)
    return [
        Figure("requests while this release serves", requests(history), ""),
        Figure("failed after another column type", failed, "", 0),
        Figure("acknowledged writes that are lost", lost, "", 0),
    ]


def requests(history: History) -> int:
    return len(history.reads) + len(history.writes)


class Locks:
    """How long the migration holds each lock that keeps requests waiting, by sampling."""

    def __init__(self) -> None:
        self.longest, self.worst = 0.0, "none seen"
        self._since: dict[str, float] = {}

    @classmethod
    @asynccontextmanager
    async def watched(cls, url: str) -> AsyncIterator["Locks"]:
        locks = cls()
        watching = asyncio.create_task(locks.watch(url))
        try:
            yield locks
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    async def watch(self, url: str) -> None:
        connection = await asyncpg.connect(plain(url))
        try:
            while True:
                rows = await connection.fetch(BLOCKING, MIGRATION)
                self.see({f"{row['relation']}, {row['mode']}" for row in rows}, time.monotonic())
                await asyncio.sleep(SAMPLE_SECONDS)
        finally:
            connection.terminate()

    def see(self, held: set[str], at: float) -> None:
        """Take one sample: what was held before counts until now."""
        for lock, since in self._since.items():
            if at - since > self.longest:
                self.longest, self.worst = at - since, lock
        self._since = {lock: self._since.get(lock, at) for lock in held}


if __name__ == "__main__":
    raise SystemExit(main())
