"""The service as operators run it, for drills and tests: `app run` with worker processes."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2

ROOT = Path(__file__).parents[1]
START_SECONDS = 60
STOP_SECONDS = 30
# Below those that the kernel gives to outgoing connections (32768 and above on Linux).
PORTS = range(20_000, 32_000)


@dataclass(frozen=True)
class Service:
    """A running service; `folder` holds its mails and files."""

    process: "subprocess.Popen[bytes]"
    port: int
    folder: Path
    environment: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(self, method: str, path: str, **content: object) -> httpx2.Response:
        """Send one request on a connection of its own, which any worker may accept."""
        with plain_client(base_url=self.url, timeout=60) as client:
            return client.request(method, path, **content)  # type: ignore[arg-type]

    def workers(self) -> list[int]:
        """The ids of the processes that serve; a single one has no parent to watch it."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        return [int(each) for each in children if "spawn_main" in command_line(int(each))] or [pid]

    @contextmanager
    def only(self, worker: int) -> Iterator[None]:
        """Let this worker alone accept connections; to be left within seconds."""
        others = [other for other in self.workers() if other != worker]
        try:
            for other in others:
                os.kill(other, signal.SIGSTOP)
            wait_until(lambda: all(state(other) == "T" for other in others))
            yield
        finally:
            for other in others:
                with suppress(ProcessLookupError):  # The parent replaces one that hangs for long.
                    os.kill(other, signal.SIGCONT)

    def is_ready(self) -> bool:
        try:
            return self.request("GET", "/readiness").status_code == 200
        except httpx2.TransportError:
            assert self.process.poll() is None, "The service did not start."
            return False


def plain_client(*, base_url: str = "", timeout: float = 10) -> httpx2.Client:
    """Return a client for `http` addresses only.

    With `verify`, each client loads the certificate authorities. That takes 60 ms of CPU, in which
    a poll would slow down the start that it waits for.
    """
    return httpx2.Client(base_url=base_url, timeout=timeout, trust_env=False, verify=False)


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    except OSError:
        return ""


def state(pid: int) -> str:
    """One letter, `T` for stopped: proc_pid_stat(5)."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]


def wait_until(holds: Callable[[], bool], seconds: float = START_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"The condition was not met within {seconds} seconds."
        time.sleep(0.02)


def app_command(*arguments: str, code: Path = ROOT) -> list[str]:
    """Return the command line of the service in a working copy, also of a former release."""
    is_former = (code / "app" / "cli.py").exists()
    return [sys.executable, "-m", "app.cli" if is_former else "app.commands.cli", *arguments]


@contextmanager
def running_service(
    folder: Path, environment: dict[str, str], workers: int, *, code: Path = ROOT
) -> Iterator[Service]:
    """The service, ready for requests; `code` is the folder of the release."""
    with started_service(folder, environment, workers, code=code) as service:
        wait_until(service.is_ready)
        wait_until(lambda: len(service.workers()) == workers)
        yield service


@contextmanager
def started_service(
    folder: Path, environment: dict[str, str], workers: int, *, code: Path = ROOT
) -> Iterator[Service]:
    """Run it in `folder`, where no .env lies, with nothing but these settings."""
    port = free_port()
    inherited = {
        name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ
    }
    # Production starts with nothing else, although no proxy with TLS stands before it here.
    scheme = "https" if environment.get("ENVIRONMENT") == "production" else "http"
    given = {"PYTHONPATH": str(code), "PUBLIC_URL": f"{scheme}://127.0.0.1:{port}"}
    whole = inherited | given | environment
    command = app_command("run", "--port", str(port), "--workers", str(workers), code=code)
    with subprocess.Popen(command, env=whole, cwd=folder, start_new_session=True) as process:
        service = Service(process, port, folder, whole)
        try:
            yield service
        finally:
            stop(process)


def stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def free_port() -> int:
    """A port that no outgoing connection takes before the process that it is for has started."""
    while True:
        port = secrets.choice(PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def plain(url: str) -> str:
    """The URL as the driver reads it."""
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)
