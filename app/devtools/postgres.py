"""Embedded PostgreSQL for development and tests; never for production."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from app.devtools.postgres_process import EmbeddedPostgresError, opened
from app.devtools.postgres_server import NO_ANSWER, Server

__all__ = ["EmbeddedPostgresError", "embedded_postgres", "running_url"]


@contextmanager
def embedded_postgres(folder: Path, *, durable: bool = True) -> Iterator[str]:
    """Yield the URL of a server on the data in `folder`, which stops after its last user.

    The role `app` is a superuser and owns the database `app`. `durable=False` trades safety
    for speed; it applies to the user that starts the server, the others use the running one.
    Must be entered outside an event loop.

    Raises:
        EmbeddedPostgresError: the server cannot run; the message names the remedy.
    """
    server = Server(folder)
    with register(server) as user:
        try:
            yield join(server, user, durable=durable)
        finally:
            leave(server, user)


def running_url(folder: Path) -> str | None:
    """Return the URL of the running server on `folder`, or None; it may stop at any time."""
    server = Server(folder)
    try:
        return server.url if server.responds() else None
    except OSError:
        return None


def register(server: Server) -> IO[str]:
    with embedded_postgres_errors(server):
        server.folder.mkdir(parents=True, exist_ok=True)
        return opened(users_lock(server))


def join(server: Server, user: IO[str], *, durable: bool) -> str:
    with embedded_postgres_errors(server), exclusive_lock(server):
        # Shared by all users; the kernel releases the lock of a killed process.
        fcntl.flock(user, fcntl.LOCK_SH)
        server.ensure_running(durable=durable)
        return server.url


def leave(server: Server, user: IO[str]) -> None:
    # After `rm -r` of the folder its name may belong to another server, which must not be stopped.
    if not is_open_at(users_lock(server), user):
        return
    with embedded_postgres_errors(server), exclusive_lock(server):
        if is_last(user):
            server.stop()


@contextmanager
def exclusive_lock(server: Server) -> Iterator[None]:
    with opened(server.folder / "turn.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def is_last(user: IO[str]) -> bool:
    try:
        fcntl.flock(user, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def users_lock(server: Server) -> Path:
    return server.folder / "users.lock"


def is_open_at(path: Path, file: IO[str]) -> bool:
    return path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno()))


@contextmanager
def embedded_postgres_errors(server: Server) -> Iterator[None]:
    try:
        yield
    except (*NO_ANSWER, LookupError, ValueError) as error:
        raise server.unusable(str(error)) from error
