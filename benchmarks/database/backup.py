"""Back from a dump, and back to a moment before an accident: every row is compared."""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import IO

from app.db import migrations
from app.devtools.postgres import embedded_postgres
from app.devtools.postgres_process import give_to_server_user
from app.devtools.postgres_server import Server
from app.features.backup import commands as backup
from benchmarks.database.durability import restart
from benchmarks.database.failover import ask
from benchmarks.harness.database_content import content
from benchmarks.harness.standby import Standby
from benchmarks.login_flood import Figure, fill
from benchmarks.service import wait_until

ITEMS, MORE_ITEMS = 50_000, 1_000
ADD = """
INSERT INTO items (id, name, price, owner_id)
SELECT uuidv7(), 'item ' || n, 1 + n % 100, (SELECT id FROM users LIMIT 1)
FROM generate_series(1, {}) n
"""


class Recovery(Standby):
    """A server made from a base backup, which replays the archive up to a moment."""

    def __init__(self, folder: Path, primary: Server, archive: Path) -> None:
        super().__init__(folder, primary)
        self._archive = archive

    def initialise(self, lock: IO[str], log: IO[bytes], *, durable: bool) -> None:
        super().initialise(lock, log, durable=durable)
        (self.cluster / "standby.signal").unlink()
        # As a primary it would go on archiving, into the same folder.
        self.configure("archive_mode = off")

    def aim(self, moment: str) -> None:
        self.configure(
            f"restore_command = 'cp {self._archive}/%f %p'",
            f"recovery_target_time = '{moment}'",
            "recovery_target_action = 'promote'",
        )
        signal = self.cluster / "recovery.signal"
        signal.touch()
        give_to_server_user(signal)

    def configure(self, *lines: str) -> None:
        with (self.cluster / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
            file.write("\n".join(["", *lines, ""]))


def drill() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # The archive in it is written by the user of the server.
        with embedded_postgres(folder / "postgres") as url:
            migrations.upgrade(url)
            asyncio.run(fill(url, 10))
            asyncio.run(ask(url, ADD.format(ITEMS)))
            server = Server(folder / "postgres")
            return [*from_dump(url, folder), *to_a_moment(server, url, folder)]


def from_dump(url: str, folder: Path) -> list[Figure]:
    before, file = asyncio.run(content(url)), folder / "app.dump"
    asyncio.run(ask(url, "CREATE DATABASE restored"))
    restored = f"{url.removesuffix('/app')}/restored"
    seconds = [timed(backup.dump, url, file)]
    seconds.append(timed(lambda: backup.restore(restored, file, force=False)))
    seconds.append(timed(lambda: backup.restore(restored, file, force=True)))
    return [
        Figure("rows", sum(map(len, before.values())), ""),
        Figure("dump", seconds[0], "s"),
        Figure("restore", seconds[1], "s"),
        Figure("restore in place of it", seconds[2], "s"),
        Figure("tables that differ", differing(before, asyncio.run(content(restored))), "", 0),
    ]


def timed(act: object, *arguments: object) -> float:
    started = time.monotonic()
    assert callable(act)
    act(*arguments)
    return time.monotonic() - started


def differing(before: dict[str, list[str]], after: dict[str, list[str]]) -> int:
    return sum(before.get(name) != after.get(name) for name in before.keys() | after.keys())


def to_a_moment(server: Server, url: str, folder: Path) -> list[Figure]:
    archive = folder / "archive"
    archive.mkdir()
    give_to_server_user(archive)
    switch_archiving_on(server, url, archive)
    recovery = Recovery(folder / "recovered", server, archive)
    recovery.folder.mkdir()
    base_backup(recovery)
    asyncio.run(ask(url, ADD.format(MORE_ITEMS)))
    before, moment = asyncio.run(content(url)), str(asyncio.run(ask(url, "SELECT now()::text")))
    asyncio.run(ask(url, "UPDATE items SET name = 'by accident'"))
    last = str(asyncio.run(ask(url, "SELECT pg_walfile_name(pg_switch_wal())")))
    wait_until((archive / last).exists)
    recovery.aim(moment)
    seconds = timed(lambda: recovered(recovery))
    after = asyncio.run(content(recovery.url))
    recovery.stop()
    return [
        Figure("back to a moment", seconds, "s"),
        Figure("tables that differ from that moment", differing(before, after), "", 0),
    ]


def switch_archiving_on(server: Server, url: str, archive: Path) -> None:
    command = (
        f"test ! -f {archive}/%f && cp %p {archive}/%f.new && mv {archive}/%f.new {archive}/%f"
    )
    asyncio.run(ask(url, "ALTER SYSTEM SET archive_mode = on"))
    asyncio.run(ask(url, f"ALTER SYSTEM SET archive_command = '{command}'"))
    asyncio.run(restart(server))


def base_backup(recovery: Recovery) -> None:
    with (recovery.folder / "turn.lock").open("w") as lock, recovery.fresh_log() as log:
        recovery.initialise(lock, log, durable=True)


def recovered(recovery: Recovery) -> None:
    recovery.ensure_running(durable=True)
    wait_until(lambda: asyncio.run(ask(recovery.url, "SELECT pg_is_in_recovery()")) is False)
