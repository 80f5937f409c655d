"""`app run` as operators start it: start-up, rejected settings and shutdown."""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import httpx2
import pytest

from app.commands.serve import listen
from app.config.known_secrets import DEMO_PASSWORD
from app.config.settings import ConfigError, Settings
from app.db import migrations
from app.devtools import doctor
from app.devtools.postgres import running_url
from benchmarks.harness.tcp_proxy import proxied
from tests.e2e.service import ROOT, app_command, free_port, plain_client
from tests.polling import wait_until

START_SECONDS = 60
STOP_SECONDS = 15  # As promised: docs/promises.md, P9.
PRODUCTION = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "1f83d9abfb41bd6b5be0cd19137e2179a54ff53a5f1d36f1510e527fade682d1",
    "DATABASE_URL": "postgresql://app@127.0.0.1:1/nowhere",
    "PUBLIC_URL": "https://api.example.com",
}
LOGIN = {"username": "user", "password": DEMO_PASSWORD}


class Run:
    """One `app run` process, its output and its responses."""

    def __init__(self, folder: Path, port: int, environment: dict[str, str], workers: int) -> None:
        command = app_command("run", "--port", str(port), "--workers", str(workers))
        kept = ("PATH", "HOME", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
        inherited = {name: os.environ[name] for name in kept if name in os.environ}
        self.port = port
        self.log = folder / "log"
        self.errors = folder / "errors"
        with self.log.open("wb") as log, self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command,
                env=inherited | {"PYTHONPATH": str(ROOT)} | environment,
                cwd=folder,
                stdout=log,
                stderr=errors,
                start_new_session=True,
            )

    def status(self, method: str, path: str, **content: object) -> int:
        """The status of a response, 0 without one."""
        url = f"http://127.0.0.1:{self.port}{path}"
        try:
            with plain_client() as client:
                return client.request(method, url, **content).status_code  # type: ignore[arg-type]
        except httpx2.TransportError:
            assert self.process.poll() is None, self.log.read_text() + self.errors.read_text()
            return 0

    def is_alive(self) -> bool:
        return self.status("GET", "/liveness") == 200

    def is_ready(self) -> bool:
        return self.status("GET", "/readiness") == 200

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(how)
        return self.process.wait(STOP_SECONDS)


class Start(Protocol):
    def __call__(
        self, environment: dict[str, str], *, port: int = ..., workers: int = ...
    ) -> Run: ...


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the service in a folder without `.env`, with nothing but these variables."""
    with ExitStack() as stack:

        def start(environment: dict[str, str], *, port: int = 0, workers: int = 1) -> Run:
            run = Run(tmp_path, port or free_port(), environment, workers)
            stack.callback(kill, run.process)
            return run

        yield start


def kill(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


SHORT_KEY = ({"SECRET_KEY": "short"}, "SECRET_KEY is empty or shorter than 32 bytes")


class TestRejection:
    @pytest.mark.parametrize(
        ("command", "variables", "sentence"),
        [
            # Tests of the settings show the other sentences.
            ("run", *SHORT_KEY),
            ("run", {"ALGORITHM": "ES256"}, "ES256 needs SIGNING_KEY_FILE"),
            (
                "run",
                {"ALGORITHM": "RS256", "SIGNING_KEY_FILE": "/none"},
                "The signing key /none cannot",
            ),
            # The worker reads and checks settings by the same functions: one row for each.
            ("worker", *SHORT_KEY),
        ],
    )
    def test_unusable_setting_is_one_sentence(
        self, tmp_path: Path, command: str, variables: dict[str, str], sentence: str
    ) -> None:
        environment = PRODUCTION | {"PYTHONPATH": str(ROOT)} | variables

        done = subprocess.run(
            app_command(command),
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(sentence)
        assert done.stderr.count("\n") == 1

    def test_taken_port_is_one_sentence(self, start: Start) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            run = start(PRODUCTION, port=port)
            code = run.process.wait(START_SECONDS)

        assert code == 1
        assert run.errors.read_text().startswith(f"Cannot listen on 127.0.0.1:{port} ")
        assert run.errors.read_text().count("\n") == 1

    def test_port_is_taken_from_the_first_moment(self) -> None:
        with listen("127.0.0.1", 0) as first, pytest.raises(ConfigError, match="Address already"):
            listen("127.0.0.1", first.getsockname()[1])

    @pytest.mark.parametrize("host", ["192.0.2.1", "::2"])
    def test_address_of_another_machine_is_one_sentence(self, host: str) -> None:
        with pytest.raises(ConfigError, match="choose another port"):
            listen(host, 0)


class TestProduction:
    async def test_starts_before_its_database(self, start: Start, settings: Settings) -> None:
        port = free_port()
        run = start(PRODUCTION | {"DATABASE_URL": at_port(settings.database_url, port)})
        await eventually(run.is_alive)
        assert await asyncio.to_thread(sign_in, run) == 503

        async with proxied(settings.database_url, port):
            await eventually(lambda: sign_in(run) == 401)

        assert await asyncio.to_thread(run.end) == 0

    def test_migrates_and_seeds_nothing(self, start: Start, empty_database: str) -> None:
        run = start(PRODUCTION | {"DATABASE_URL": empty_database})
        wait_until(run.is_alive)

        assert run.status("GET", "/readiness") == 503
        migrations.upgrade(empty_database)
        wait_until(run.is_ready)
        assert sign_in(run) == 401

    def test_worker_that_dies_is_replaced(self, start: Start) -> None:
        run = start(PRODUCTION, workers=2)
        wait_until(run.is_alive)
        wait_until(lambda: len(workers(run)) == 2)
        victim = workers(run)[0]

        os.kill(victim, signal.SIGKILL)

        wait_until(lambda: len(workers(run)) == 2 and victim not in workers(run))
        wait_until(run.is_alive)
        assert run.end() == 0
        assert "Traceback" not in run.errors.read_text()


async def eventually(holds: "Check") -> None:
    await asyncio.to_thread(wait_until, holds, START_SECONDS)


class Check(Protocol):
    def __call__(self) -> bool: ...


def at_port(url: str, port: int) -> str:
    head, _, tail = url.rpartition(":")
    return f"{head}:{port}/{tail.partition('/')[2]}"


def sign_in(run: Run) -> int:
    return run.status("POST", "/api/v1/auth/token", data=LOGIN)


def workers(run: Run) -> list[int]:
    pid = run.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    commands = {int(child): Path(f"/proc/{child}/cmdline") for child in children}
    return [child for child, file in commands.items() if "spawn_main" in content(file)]


def content(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""


class TestDevelopment:
    def test_wrong_password_of_the_database_is_no_traceback(
        self, start: Start, settings: Settings
    ) -> None:
        run = start({"DATABASE_URL": settings.database_url.replace("@", "x@")})
        wait_until(run.is_alive)

        assert run.status("GET", "/readiness") == 503
        assert "Traceback" not in run.log.read_text() + run.errors.read_text()

    def test_brings_its_own_database_migrated_and_filled(
        self, start: Start, tmp_path: Path, settings: Settings
    ) -> None:
        run = start({})
        wait_until(run.is_ready)

        finding = doctor.port(settings.model_copy(update={"port": run.port}))
        assert (finding.status, "listens" in finding.detail) == ("ok", True)
        assert running_url(tmp_path / ".data/postgres")
        assert sign_in(run) == 200
        said = run.log.read_text()
        assert f"http://127.0.0.1:{run.port}/" in said
        assert DEMO_PASSWORD in said

        assert run.end(signal.SIGINT) == 0

        assert running_url(tmp_path / ".data/postgres") is None
