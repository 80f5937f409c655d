"""`app.main:app`, as servers import it that `app run` does not start."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from app.config.known_secrets import DEMO_PASSWORD
from app.devtools.postgres import running_url
from tests.e2e.service import ROOT, free_port, plain_client
from tests.polling import wait_until

STOP_SECONDS = 30
APPLICATION = "app.main:app"
# By their names: the commands and the number of their processes.
SERVERS = {
    "uvicorn": ("uvicorn", APPLICATION),
    "uvicorn, reloading": ("uvicorn", APPLICATION, "--reload", "--reload-dir", str(ROOT / "app")),
    "uvicorn, processes": ("uvicorn", APPLICATION, "--workers", "2"),
    "fastapi dev": ("fastapi", "dev", "--entrypoint", APPLICATION, "--no-reload"),
    "fastapi run, by its file": ("fastapi", "run", str(ROOT / "app" / "main.py")),
    "gunicorn": ("gunicorn", APPLICATION, "--worker-class", "uvicorn.workers.UvicornWorker"),
}


def command(server: str, port: int) -> list[str]:
    address = ["--bind", f"127.0.0.1:{port}"] if server == "gunicorn" else ["--port", str(port)]
    return [sys.executable, "-m", *SERVERS[server], *address]


@contextmanager
def started(
    arguments: list[str], folder: Path, environment: dict[str, str]
) -> "Iterator[subprocess.Popen[bytes]]":
    inherited = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            arguments,
            env=inherited | environment,
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def is_ready(client: httpx2.Client) -> bool:
    try:
        return client.get("/readiness").status_code == 200
    except httpx2.TransportError:
        return False


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the first server creates the cluster and fills it; the others start it."""
    return tmp_path_factory.mktemp("standalone")


@pytest.mark.parametrize("server", SERVERS)
def test_serves_on_a_database_of_its_own(server: str, folder: Path) -> None:
    port = free_port()
    # The limits of production: several processes that start at once are slow.
    environment = {
        "REQUEST_TIMEOUT_SECONDS": "60",
        "DATABASE_COMMAND_TIMEOUT_SECONDS": "60",
        "DATABASE_CONNECT_TIMEOUT_SECONDS": "60",
    }
    with (
        started(command(server, port), folder, environment) as process,
        plain_client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):
        wait_until(lambda: is_ready(client))
        login = {"username": "user", "password": DEMO_PASSWORD}
        assert client.post("/api/v1/auth/token", data=login).status_code == 200

        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)

    assert running_url(folder / ".data/postgres") is None
    assert "Traceback" not in (folder / "log").read_text(encoding="utf-8")


def test_import_of_the_module_creates_no_application(tmp_path: Path) -> None:
    script = (
        "import app.main; assert 'app' not in vars(app.main); assert not hasattr(app.main, 'x')"
    )

    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
