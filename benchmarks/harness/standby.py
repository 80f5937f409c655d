"""A real streaming replica, made from the running server by pg_basebackup."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from app.devtools.postgres_process import binary, give_to_server_user, reason_in, run
from app.devtools.postgres_server import Server

ANSWERS_WITHIN_SECONDS = 20


class Standby(Server):
    """Has the role and the password of its primary, and a folder and a port of its own."""

    def __init__(self, folder: Path, primary: Server) -> None:
        super().__init__(folder)
        self._primary = primary

    def initialise(self, lock: IO[str], log: IO[bytes], *, durable: bool) -> None:  # noqa: ARG002  (the primary's)
        self.cluster.mkdir(mode=0o700)
        shutil.copy(self._primary.password_file, self.password_file)
        give_to_server_user(self.cluster, self.password_file)
        source = self._primary.url.replace("+asyncpg", "").removesuffix("/app") + "/postgres"
        command = [binary("pg_basebackup"), f"--pgdata={self.cluster}", "--write-recovery-conf"]
        options = ["--wal-method=stream", "--checkpoint=fast", "--no-sync", f"--dbname={source}"]
        if not run([*command, *options], owner=self.cluster, lock=lock, log=log):
            raise self.unusable(reason_in(self.log))


@contextmanager
def replica_of(primary: Path, folder: Path, *, durable: bool = True) -> Iterator[Standby]:
    """A replica of the server that lives on `primary`; to be entered outside an event loop."""
    folder.mkdir(parents=True, exist_ok=True)
    standby = Standby(folder, Server(primary))
    standby.ensure_running(durable=durable)
    try:
        yield standby
    finally:
        standby.stop()


def kill(server: Server) -> None:
    """Kill the postmaster, as a power failure would; its processes exit."""
    os.kill(int((server.cluster / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
