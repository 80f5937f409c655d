"""PostgreSQL server on one folder: start, health check and stop."""

import asyncio
import fcntl
import os
import secrets
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

import asyncpg

from app.devtools.postgres_process import (
    EmbeddedPostgresError,
    binary,
    free_port,
    give_to_server_user,
    in_background,
    is_held,
    opened,
    reason_in,
    run,
)

POLL_SECONDS = 0.02
START_SECONDS = 30.0
STOP_SECONDS = 10.0
ANSWER_SECONDS = 2.0
START_ATTEMPTS = 3
NO_ANSWER = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

SETTINGS = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "timezone=UTC",
    "log_timezone=UTC",
    # Ends the queries of killed clients, which would otherwise delay recovery until they end.
    "client_connection_check_interval=1s",
)
FAST_SETTINGS = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=200",
    # A checkpoint while a replica is created would recycle log that it has yet to fetch.
    "wal_keep_size=256MB",
)


class Server:
    """The cluster below `folder`, and next to it the port, password and lock of its server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.cluster = self.folder / "cluster"
        self.lock = self.folder / "server.lock"
        self.log = self.folder / "server.log"
        self.password_file = self.folder / "password"
        self.port_file = self.folder / "port"

    @property
    def url(self) -> str:
        password, port = self.password_file.read_text(), int(self.port_file.read_text())
        return f"postgresql+asyncpg://app:{password}@127.0.0.1:{port}/app"

    def ensure_running(self, *, durable: bool) -> None:
        """Use the running server or start one; retry if another process took the port."""
        attempts = iter(range(START_ATTEMPTS))
        while not self.is_up(START_SECONDS):
            if next(attempts, None) is None:
                raise self.unusable(reason_in(self.log))
            self.launch(durable=durable)
        self.ensure_database()

    def stop(self) -> None:
        """Shut down in fast mode, or in immediate mode if that takes too long."""
        if not self.is_up(STOP_SECONDS):
            return
        # Only this server writes the file, and it has just responded: the pid is its own.
        postmaster = int((self.cluster / "postmaster.pid").read_text().split()[0])
        for how in (signal.SIGINT, signal.SIGQUIT):
            os.kill(postmaster, how)
            if any(not is_held(self.lock) for _ in polls(STOP_SECONDS)):
                return

    def is_up(self, seconds: float) -> bool:
        """Wait until the server responds (True) or none of its processes is left (False)."""
        for _ in polls(seconds):
            if not is_held(self.lock):
                return False
            if self.responds():
                return True
        raise EmbeddedPostgresError(
            f"An earlier PostgreSQL on {self.folder} neither responds nor ends: "
            f"end the processes that `fuser -v {self.lock}` shows."
        )

    def responds(self) -> bool:
        """Return whether the server on our port accepts our login and runs on our cluster."""
        # If none of its processes is left, the port may belong to another process: do not connect.
        if not is_held(self.lock) or not self.port_file.exists():
            return False
        url = self.url
        try:
            return self.cluster.samefile(str(asyncio.run(ask(url, "SHOW data_directory"))))
        except NO_ANSWER:
            return False

    def launch(self, *, durable: bool) -> None:
        """Start the server without waiting for it."""
        with opened(self.lock) as lock, self.fresh_log() as log:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self.cluster.exists():
                self.initialise(lock, log, durable=durable)
            # The lock is ours, so the file is of a dead server. PostgreSQL would not start
            # if any process of the same user had got that pid.
            (self.cluster / "postmaster.pid").unlink(missing_ok=True)
            port = self.choose_port()
            command = in_background(self.command(port, durable=durable))
            run(command, owner=self.cluster, lock=lock, log=log)

    def initialise(self, lock: IO[str], log: IO[bytes], *, durable: bool) -> None:
        # Renamed when complete, so a killed initdb leaves no folder that looks usable.
        partial = self.folder / "cluster.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(secrets.token_urlsafe(24))
        give_to_server_user(partial, self.password_file)
        command = self.initdb_command(partial, durable=durable)
        if not run(command, owner=partial, lock=lock, log=log):
            raise self.unusable(reason_in(self.log))
        partial.rename(self.cluster)

    def initdb_command(self, folder: Path, *, durable: bool) -> list[str | Path]:
        # The builtin locale sorts and folds case identically on every machine.
        return [
            *(binary("initdb"), "-D", folder),
            *("--username=app", f"--pwfile={self.password_file}", "--auth=scram-sha-256"),
            *("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *([] if durable else ["--no-sync"]),
        ]

    def command(self, port: int, *, durable: bool) -> list[str | Path]:
        settings = SETTINGS if durable else SETTINGS + FAST_SETTINGS
        options = [option for setting in settings for option in ("-c", setting)]
        return [binary("postgres"), "-D", self.cluster, "-p", str(port), *options]

    def choose_port(self) -> int:
        """Return the port of the last run if it is free, else another one."""
        last = self.port_file.read_text() if self.port_file.exists() else ""
        port = free_port(int(last) if last.isdecimal() else 0)
        # Replaced as a whole, since `running_url` reads it without the lock.
        fresh = self.port_file.with_suffix(".new")
        fresh.write_text(str(port))
        fresh.replace(self.port_file)
        return port

    def ensure_database(self) -> None:
        count = "SELECT count(*) FROM pg_database WHERE datname = 'app'"
        # The statement of a killed user may still be running.
        with suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
            if asyncio.run(ask(self.url, count)) == 0:
                asyncio.run(ask(self.url, "CREATE DATABASE app"))

    def fresh_log(self) -> IO[bytes]:
        if self.log.exists():
            self.log.replace(self.folder / "server.previous.log")
        return self.log.open("wb")

    def unusable(self, reason: str) -> EmbeddedPostgresError:
        return EmbeddedPostgresError(
            f"The data folder {self.folder} is not usable by PostgreSQL: {reason}; "
            f"see {self.log}, or remove the folder with `make reset`."
        )


async def ask(url: str, query: str) -> object:
    """Run a query in the database `postgres`, which always exists; `app` may not exist yet."""
    address = url.replace("+asyncpg", "")
    connection = await asyncpg.connect(
        address, database="postgres", ssl=False, timeout=ANSWER_SECONDS
    )
    try:
        return await connection.fetchval(query, timeout=STOP_SECONDS)
    finally:
        await connection.close(timeout=ANSWER_SECONDS)


def polls(seconds: float) -> Iterator[None]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(POLL_SECONDS)
