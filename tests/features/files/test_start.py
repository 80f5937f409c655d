"""Start-up checks of the storage."""

import subprocess
from pathlib import Path

import pytest

from tests.commands.test_serve import PRODUCTION
from tests.e2e.service import ROOT, app_command


@pytest.mark.parametrize("command", ["run", "worker"])
def test_unusable_storage_is_one_sentence(tmp_path: Path, command: str) -> None:
    environment = {"PYTHONPATH": str(ROOT), "STORAGE_URL": "az://container"}

    done = subprocess.run(
        app_command(command),
        env=PRODUCTION | environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("STORAGE_URL is not usable: ")
    assert done.stderr.count("\n") == 1
