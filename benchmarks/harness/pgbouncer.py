"""A real PgBouncer in transaction mode, from Debian's package."""

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from app.devtools.postgres_process import as_owner, give_to_server_user
from benchmarks.service import free_port, wait_until
from benchmarks.tools import MissingTool

FOLDERS = ("/usr/sbin", "/usr/local/sbin")
CONFIG = """
[databases]
* = host=127.0.0.1 port={server_port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = 200
server_login_retry = 1
logfile = {folder}/pgbouncer.log
"""


def program() -> str:
    """Return the path of PgBouncer.

    Raises:
        MissingTool: it is not installed.
    """
    for folder in (None, *FOLDERS):
        if found := shutil.which("pgbouncer", path=folder):
            return found
    raise MissingTool("There is no pgbouncer: install Debian's package.")


@contextmanager
def pgbouncer(folder: Path, url: str, *, pool_size: int) -> Iterator[str]:
    """The URL of the same database through a PgBouncer with so many connections to it.

    Raises:
        MissingTool: it is not installed.
    """
    path, parts, port = program(), urlsplit(url), free_port()
    text = CONFIG.format(server_port=parts.port, port=port, folder=folder, pool_size=pool_size)
    (folder / "pgbouncer.ini").write_text(text, encoding="utf-8")
    (folder / "users.txt").write_text(f'"{parts.username}" "{parts.password}"\n', encoding="utf-8")
    give_to_server_user(folder, *folder.iterdir())
    command = [*as_owner(folder), path, "--quiet", str(folder / "pgbouncer.ini")]
    with subprocess.Popen(command, cwd="/", env={}) as process:
        try:
            wait_until(lambda: listens(port))
            yield parts._replace(
                netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}"
            ).geturl()
        finally:
            process.send_signal(signal.SIGINT)


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
