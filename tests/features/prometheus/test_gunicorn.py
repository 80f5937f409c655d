"""The alternative to `app run`: gunicorn with the configuration in deploy/."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.e2e.service import ROOT, free_port, plain_client
from tests.features.prometheus.test_router import Figures
from tests.polling import wait_until

STOP_SECONDS = 30
SECRET = "1f83d9abfb41bd6b5be0cd19137e2179a54ff53a5f1d36f1510e527fade682d1"


class Gunicorn:
    def __init__(self, folder: Path, secret: str = SECRET) -> None:
        self.port = free_port()
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            "ENVIRONMENT": "production",
            "TMPDIR": str(folder),
            "SECRET_KEY": secret,
            "DATABASE_URL": "postgresql://app@127.0.0.1:1/nowhere",
            "PUBLIC_URL": "https://api.example.com",
            "FORWARDED_ALLOW_IPS": "127.0.0.1",
            "PORT": str(self.port),
            "WORKERS": "2",
        }
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "gunicorn"),
                    *("--config", str(ROOT / "deploy" / "gunicorn.conf.py")),
                    "app.commands.serve:create_worker()",
                ],
                env=environment,
                cwd=folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def get(self, path: str, **headers: str) -> httpx2.Response:
        with plain_client() as client:
            return client.get(f"http://127.0.0.1:{self.port}{path}", headers=headers)

    def counts(self, workers: int) -> bool:
        """Whether `/metrics` adds up so many workers."""
        try:
            return Figures(self.get("/metrics").text).value("workers") == workers
        except httpx2.TransportError:
            assert self.process.poll() is None, self.log.read_text()
            return False


@contextmanager
def started(folder: Path) -> Iterator[Gunicorn]:
    """Start it, and wait for both workers."""
    server = Gunicorn(folder)
    try:
        wait_until(lambda: server.counts(2))
        yield server
    finally:
        if server.process.poll() is None:
            os.killpg(server.process.pid, signal.SIGKILL)
            server.process.wait()


def test_unusable_setting_is_one_sentence(tmp_path: Path) -> None:
    server = Gunicorn(tmp_path, secret="short")

    code = server.process.wait(STOP_SECONDS)

    said = [line for line in server.log.read_text().splitlines() if "[INFO]" not in line]
    assert code == 1
    assert len(said) == 1
    assert said[0].startswith("SECRET_KEY is empty or shorter than 32 bytes")


def test_serves_as_the_service_and_stops_on_sigterm(tmp_path: Path) -> None:
    """One start for all, because each takes seconds of CPU."""
    with started(tmp_path) as gunicorn:
        check_readiness_without_a_database(gunicorn)
        check_options_of_the_service(gunicorn)
        check_client_behind_the_proxy_in_the_log(gunicorn)
        folders = list(tmp_path.glob("metrics-*"))

        gunicorn.process.send_signal(signal.SIGTERM)
        code = gunicorn.process.wait(STOP_SECONDS)

    assert code == 0
    assert "Traceback" not in gunicorn.log.read_text()
    assert len(folders) == 1
    assert not folders[0].exists()


def check_options_of_the_service(gunicorn: Gunicorn) -> None:
    response = gunicorn.get("/liveness")

    assert "X-Request-ID" in response.headers
    assert "Server" not in response.headers


def check_readiness_without_a_database(gunicorn: Gunicorn) -> None:
    rejected = gunicorn.get("/readiness")

    assert (rejected.status_code, rejected.json()["code"]) == (503, "not_ready")


def check_client_behind_the_proxy_in_the_log(gunicorn: Gunicorn) -> None:
    forwarded = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7", "X-Forwarded-Proto": "https"}
    gunicorn.get("/version", **forwarded)

    wait_until(lambda: '"client": "203.0.113.7"' in gunicorn.log.read_text())
