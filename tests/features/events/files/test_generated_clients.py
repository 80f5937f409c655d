"""The clients that `make clients` generates: their types, and their calls to a running service."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config.known_secrets import DEMO_PASSWORD
from tests.e2e.development import development_server
from tests.e2e.service import ROOT

FOLDER = Path(__file__).parent
TOOLS = ROOT / ".cache" / "clients"
NODE = str(TOOLS / "bin" / "node")
COMPILER = TOOLS / "typescript/node_modules/typescript-native/bin/tsc"
# The generator's own errors under --strict; nothing of this service is in that module.
NOT_STRICT = "client.py:"


@pytest.fixture
def server(empty_database: str, tmp_path: Path) -> Iterator[str]:
    with development_server(empty_database, tmp_path) as address:
        yield address


@pytest.fixture
def clients(tmp_path: Path) -> Path:
    """The folder of the generated projects."""
    folder = tmp_path / "clients"
    make = [shutil.which("make") or "make", "--silent", "clients"]
    subprocess.run(make, cwd=ROOT, env={**os.environ, "FOLDER": str(folder)}, check=True)
    return folder


@pytest.mark.timeout(400)
def test_clients_are_typed_and_their_calls_work(clients: Path, server: str) -> None:
    """Sign in, refresh, create once, change, list, export, upload, receive events, 422."""
    account = (server, "user", DEMO_PASSWORD)
    assert_python_client_works(clients / "reference-api-client", account)
    assert_typescript_client_works(clients / "reference-api-client-typescript", account)


def assert_python_client_works(project: Path, account: tuple[str, ...]) -> None:
    shutil.copy(FOLDER / "drive_client.py", project)
    mypy = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file="]
    ended = subprocess.run(
        [*mypy, "--cache-dir=.mypy", "drive_client.py", "reference_api_client"],
        cwd=project,
        check=False,
        capture_output=True,
        text=True,
    )

    errors = [line for line in ended.stdout.splitlines() if NOT_STRICT not in line]
    assert errors == []
    assert not ended.stderr
    subprocess.run([sys.executable, "drive_client.py", *account], cwd=project, check=True)


def assert_typescript_client_works(package: Path, account: tuple[str, ...]) -> None:
    """Install the package beside a program that imports it, as npm would; `make` compiled it."""
    project = package.with_name("program")
    (project / "node_modules").mkdir(parents=True)
    (project / "node_modules" / package.name.removesuffix("-typescript")).symlink_to(package)
    (project / "node_modules" / "@types").symlink_to(TOOLS / "typescript/node_modules/@types")
    (project / "package.json").write_text('{"type": "module"}')
    shutil.copy(FOLDER / "drive_client.ts", project)
    options = ["--strict", "--noEmit", "--module", "nodenext", "--types", "node"]

    subprocess.run([NODE, COMPILER, *options, "drive_client.ts"], cwd=project, check=True)
    subprocess.run([NODE, "drive_client.ts", *account], cwd=project, check=True)
