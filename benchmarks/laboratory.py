"""Environment of measurements: pinned cores, a PostgreSQL of its own, servers on one core."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from app.db import migrations
from app.devtools.postgres import embedded_postgres
from benchmarks.processes import cpu_seconds
from benchmarks.servers import Server
from benchmarks.service import free_port, stop
from benchmarks.trace_collector import trace_collector

START_SECONDS = 60


@dataclass(frozen=True)
class Laboratory:
    """URLs of the migrated database and a trace collector; the core for the server under load."""

    folder: Path
    url: str
    core: int
    collector: str

    @property
    def postgres_pid(self) -> int:
        return int((self.folder / "postgres/cluster/postmaster.pid").read_text().split()[0])


@dataclass(frozen=True)
class Running:
    server: Server
    process: "subprocess.Popen[bytes]"
    port: int
    start_seconds: float

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.process.pid)


@contextmanager
def laboratory() -> Iterator[Laboratory]:
    """PostgreSQL, the load and this process stay off the core of the server, if there are two."""
    core = reserve_core()
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded_postgres(Path(folder) / "postgres", durable=False) as url,
    ):
        migrations.upgrade(url)
        with trace_collector() as collector:
            yield Laboratory(Path(folder), url, core, collector)


def reserve_core() -> int:
    *others, core = sorted(os.sched_getaffinity(0))
    if others:
        os.sched_setaffinity(0, others)  # What we start inherits it.
    return core


@contextmanager
def running(server: Server, place: Laboratory) -> Iterator[Running]:
    """Run the server on the core set apart until it answers, and stop it in the end."""
    port = free_port()
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = inherited | server.settings(place.url, port, place.collector)
    command = ["taskset", "--cpu-list", str(place.core), *server.command_on(port)]
    folder, started = Path(tempfile.mkdtemp(dir=place.folder)), time.perf_counter()
    # The access log is written as in production, and goes nowhere.
    with subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            wait_for(process, port, server.title)
            yield Running(server, process, port, time.perf_counter() - started)
        finally:
            stop(process)


def wait_for(process: "subprocess.Popen[bytes]", port: int, title: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{title} did not start.")
        time.sleep(0.02)


def answers(port: int) -> bool:
    try:
        response = httpx2.get(f"http://127.0.0.1:{port}/version", trust_env=False)
    except httpx2.TransportError:
        return False
    return bool(response.status_code == httpx2.codes.OK)
