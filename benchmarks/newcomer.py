"""First steps of a newcomer, in an empty home, with the seconds of each.

    make newcomer

Clones the newest commit, runs it, signs in, creates and searches an item, changes the code and
sees the change, adds a resource, and tests it, in a temporary folder. Takes a few minutes; the
set-up downloads the packages. Exits with 1 when a step fails.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.service import ROOT, free_port, wait_until

LOGIN = {"username": "user", "password": "demonstration-only"}
ITEM = {"name": "Pine stool", "price": "49.90", "tags": ["newcomer"]}
SUMMARY = "Create an item"
RESOURCE = ("invoice", "number:str", "amount:money", "due:date?", "--owned-by", "user")
STOP_SECONDS = 30
# The set-up included, which downloads some 150 packages.
PATIENCE_SECONDS = 600
RELOAD_SECONDS = 60


class Newcomer:
    """A checkout in a home of its own, and the server of `make run`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.checkout = home / "service"
        self.port = free_port()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "PORT": str(self.port),
            # The mirror of the machine, if it has one.
            **{name: os.environ[name] for name in os.environ if name.startswith(("PIP_", "UV_"))},
        }
        self.client = httpx2.Client(
            base_url=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=30
        )

    def run(self, *command: str) -> None:
        """Run a command in the checkout.

        Raises:
            CalledProcessError: it failed; its output was printed.
        """
        ended = subprocess.run(
            command,
            check=False,
            cwd=self.checkout,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if ended.returncode:
            print(ended.stdout, file=sys.stderr)
            ended.check_returncode()

    @contextmanager
    def server(self) -> Iterator[None]:
        """`make run`, until Ctrl-C."""
        with (self.home / "server.log").open("ab") as log:
            process = subprocess.Popen(
                [shutil.which("make") or "make", "run"],
                cwd=self.checkout,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            wait_until(self.is_ready, PATIENCE_SECONDS)
            yield
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(STOP_SECONDS)

    def is_ready(self) -> bool:
        with suppress(httpx2.TransportError):
            return self.client.get("/readiness").is_success
        return False

    def sign_in(self) -> None:
        token = self.client.post("/api/v1/auth/token", data=LOGIN).raise_for_status().json()
        self.client.headers["Authorization"] = f"Bearer {token['access_token']}"

    def create(self, path: str, body: dict[str, Any]) -> None:
        self.client.post(path, json=body).raise_for_status()

    def search(self) -> None:
        found = self.client.get("/api/v1/items", params={"q": "pine"}).raise_for_status().json()
        assert found["items"], "The search found nothing."

    def change_code(self) -> None:
        """Change the docstring of an endpoint, and wait for it in the documentation."""
        path = self.checkout / "app/features/items/router.py"
        text = path.read_text(encoding="utf-8")
        assert SUMMARY in text
        path.write_text(text.replace(SUMMARY, "Newly add an item"), encoding="utf-8")
        wait_until(self.shows_the_change, RELOAD_SECONDS)

    def shows_the_change(self) -> bool:
        with suppress(httpx2.TransportError):
            return "Newly add an item" in self.client.get("/openapi.json").text
        return False

    def clone(self) -> None:
        command = ["git", "clone", "--quiet", str(ROOT), str(self.checkout)]
        subprocess.run(command, check=True, env=self.environment)

    def add_resource(self) -> None:
        self.run("git", "checkout", "--quiet", ".")
        self.run(".venv/bin/app", "new", "resource", *RESOURCE)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="newcomer-") as folder:
        home = Path(folder)
        home.chmod(0o755)  # PostgreSQL runs as another user where this one is root.
        try:
            for name, seconds in steps(Newcomer(home)):
                print(f"| {name} | {seconds:.1f} |", flush=True)
        except (AssertionError, httpx2.HTTPError, subprocess.CalledProcessError) as error:
            print(f"Failed: {error}", file=sys.stderr)
            shutil.copyfileobj((home / "server.log").open(encoding="utf-8"), sys.stderr)
            return 1
    return 0


def steps(newcomer: Newcomer) -> Iterator[tuple[str, float]]:
    """Take the steps one by one; yield the name and the seconds of each."""
    yield timed("clone", newcomer.clone)
    yield timed("install", lambda: newcomer.run("make", ".venv/.ready"))
    started = time.monotonic()
    with newcomer.server():
        yield "`make run` until ready", time.monotonic() - started
        yield timed("sign in", newcomer.sign_in)
        yield timed("create an item", lambda: newcomer.create("/api/v1/items", ITEM))
        yield timed("search it", newcomer.search)
        yield timed("change the code, until it is served", newcomer.change_code)
    yield timed("`app new resource`", newcomer.add_resource)
    started = time.monotonic()
    with newcomer.server():
        yield "`make run` again, with its migration", time.monotonic() - started
        newcomer.sign_in()
        body = {"number": "2027-1", "amount": "12.50"}
        yield timed("create an invoice", lambda: newcomer.create("/api/v1/invoices", body))
    tests = "ARGS=tests/features/invoices"
    yield timed("test it", lambda: newcomer.run("make", "test", tests))


def timed(name: str, step: Callable[[], None]) -> tuple[str, float]:
    started = time.monotonic()
    step()
    return name, time.monotonic() - started


if __name__ == "__main__":
    raise SystemExit(main())
