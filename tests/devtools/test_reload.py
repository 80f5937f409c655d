"""`app run --reload`: a change of code is served, an error is survived, a breakpoint works."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from app.devtools.reload import PACKAGES
from tests.e2e.service import ROOT, app_command, free_port, plain_client
from tests.polling import wait_until

STOP_SECONDS = 30
CODE = ("app", "alembic", "alembic.ini")
ENDPOINT = "return Alive()"
# Prints how many threads the packages start, and which others the application imports.
PROGRAM = """
import sys
from importlib import import_module
from pathlib import Path

def packages():
    names = {name.partition(".")[0] for name, module in sys.modules.items() if module}
    return names - {*sys.stdlib_module_names}

for name in sys.argv[1:]:
    import_module(name)
before = packages()
print(len([*Path("/proc/self/task").glob("*")]))
from app.commands.serve import create_worker
create_worker()
print(*packages() - before)
"""


class Reloading:
    """`app run --reload` on a copy of the code, with a PostgreSQL of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        self.module = folder / "app/features/system/router.py"
        self.original = self.module.read_text(encoding="utf-8")
        self.output = folder / "output"
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(folder)}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                app_command("run", "--reload", "--port", str(self.port)),
                env=environment,
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def change(self, endpoint: str) -> None:
        changed = self.original.replace(ENDPOINT, endpoint)
        assert changed != self.original
        self.module.write_text(changed, encoding="utf-8")

    def status(self, path: str = "/liveness") -> int:
        """The status of a response, 0 without one."""
        try:
            with plain_client(timeout=60) as client:
                return client.get(f"http://127.0.0.1:{self.port}{path}").status_code
        except httpx2.TransportError:
            assert self.process.poll() is None, self.said()
            return 0

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def parent(self) -> int:
        """The process that the server process is a fork of."""
        server = re.findall(r"Started server process .*?(\d+)", self.said())[-1]
        status = Path(f"/proc/{server}/status").read_text(encoding="ascii")
        return int(re.findall(r"PPid:\s(\d+)", status)[0])

    def type(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def postgres(self) -> str | None:
        """The process id of PostgreSQL, None if it does not run."""
        file = self.folder / ".data/postgres/cluster/postmaster.pid"
        return file.read_text(encoding="ascii").splitlines()[0] if file.exists() else None


@pytest.fixture
def reloading(tmp_path: Path) -> Iterator[Reloading]:
    for name in CODE:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    server = Reloading(tmp_path)
    with server.process:  # Closes its standard input.
        yield server
        # It stops PostgreSQL, which would outlive a killed process.
        server.process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            server.process.wait(STOP_SECONDS)
        if server.process.poll() is None:
            os.killpg(server.process.pid, signal.SIGKILL)


def test_serves_changes_survives_errors_and_stops_at_breakpoints(reloading: Reloading) -> None:
    wait_until(lambda: reloading.status("/readiness") == 200)
    postgres = reloading.postgres()
    parent = reloading.parent()

    reloading.change("raise NotReady")
    wait_until(lambda: reloading.status() == 503)
    reloading.change("return return")
    wait_until(lambda: "SyntaxError: invalid syntax" in reloading.said())
    reloading.change("return Alive() if breakpoint() else Alive()")
    stop_and_continue(reloading)

    assert reloading.postgres() == postgres is not None
    assert reloading.parent() == parent != reloading.process.pid
    reloading.process.send_signal(signal.SIGINT)
    assert reloading.process.wait(STOP_SECONDS) == 0
    assert reloading.postgres() is None


def stop_and_continue(reloading: Reloading) -> None:
    """Use the debugger, in the request of a client that waits."""
    statuses: list[int] = []

    def is_stopped() -> bool:
        statuses.append(reloading.status())
        return "(Pdb)" in reloading.said()

    client = threading.Thread(target=wait_until, args=(is_stopped,))
    client.start()
    wait_until(lambda: "(Pdb)" in reloading.said())
    reloading.type("print('stopped', 6 * 7)")
    wait_until(lambda: "stopped 42" in reloading.said())
    reloading.type("continue")
    client.join()

    assert set(statuses) <= {0, 200}
    assert statuses[-1] == 200


def test_fork_server_imports_the_packages_of_the_application_and_starts_no_thread() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *PACKAGES],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines() == ["1", "app"]


def test_several_processes_are_rejected(tmp_path: Path) -> None:
    done = subprocess.run(
        app_command("run", "--reload", "--workers", "2"),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Only one process can be reloaded")
    assert done.stderr.count("\n") == 1
