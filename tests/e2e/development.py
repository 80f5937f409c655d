"""Development server with demo data, as `make run` starts it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.e2e.service import ROOT, free_port, plain_client
from tests.polling import wait_until

STOP_SECONDS = 30


@contextmanager
def development_server(database_url: str, folder: Path) -> Iterator[str]:
    """Start a server on an empty database, and yield its address once it is ready."""
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": database_url,
        "PORT": str(port),
        "REQUEST_TIMEOUT_SECONDS": "60",
        "DATABASE_COMMAND_TIMEOUT_SECONDS": "60",
        # Without a connection in time, it starts without the demo data.
        "DATABASE_CONNECT_TIMEOUT_SECONDS": "60",
        "DATABASE_POOL_TIMEOUT_SECONDS": "60",
    }
    command = [sys.executable, "-m", "app.commands.cli", "run"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        with plain_client(base_url=address, timeout=60) as client:
            wait_until(lambda: is_ready(client))
        yield address
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def is_ready(client: httpx2.Client) -> bool:
    try:
        return client.get("/readiness").is_success
    except httpx2.TransportError:
        return False
