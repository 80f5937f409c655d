"""The client that `make clients` generates: its types, and its calls to a running service."""

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

# The generator's own errors under --strict; nothing of this service is in that module.
NOT_STRICT = "client.py:"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the generated project, with the program that drives it."""
    folder = tmp_path_factory.mktemp("clients")
    make = [shutil.which("make") or "make", "--silent", "clients"]
    subprocess.run(make, cwd=ROOT, env={**os.environ, "FOLDER": str(folder)}, check=True)
    project = folder / "reference-api-client"
    shutil.copy(Path(__file__).with_name("drive_client.py"), project)
    return project


@pytest.fixture
def server(empty_database: str, tmp_path: Path) -> Iterator[str]:
    with development_server(empty_database, tmp_path) as address:
        yield address


def test_types_are_sound(client: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary"]
    options = ["--config-file=", f"--cache-dir={tmp_path}", "drive_client.py"]

    ended = subprocess.run(
        [*command, *options, "reference_api_client"],
        cwd=client,
        check=False,
        capture_output=True,
        text=True,
    )

    errors = [line for line in ended.stdout.splitlines() if NOT_STRICT not in line]
    assert errors == []
    assert not ended.stderr


def test_calls_of_each_kind_work(client: Path, server: str) -> None:
    """Sign in, refresh, create once, change conditionally, list, export, upload, download, 422."""
    subprocess.run(
        [sys.executable, "drive_client.py", server, "user", DEMO_PASSWORD], cwd=client, check=True
    )
