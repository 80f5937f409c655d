"""The code that the image has: all of `app` but the developer tools."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.e2e.service import ROOT

PRODUCTION = {
    "ENVIRONMENT": "production",
    "PUBLIC_URL": "https://api.example.com",
    "SECRET_KEY": "a-secret-for-tests-that-is-long-enough",
    "DATABASE_URL": "postgresql://app:a-password-for-the-service@db/app",
}


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A folder with what .dockerignore lets through."""
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "app/devtools" in ignored
    shutil.copytree(
        ROOT / "app", tmp_path / "app", ignore=shutil.ignore_patterns("devtools", "__pycache__")
    )
    return tmp_path


def run(image: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run Python without `site`, whose .pth files would find the rest in the checkout."""
    packages = sysconfig.get_path("purelib")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{image}:{packages}", **settings}
    return subprocess.run(
        [sys.executable, "-S", *arguments],
        check=False,
        cwd=image,
        env=environment,
        capture_output=True,
        text=True,
    )


def test_production_needs_no_developer_tools(image: Path) -> None:
    code = "from app.main import app; assert app.routes"

    ended = run(image, "-c", code, **PRODUCTION)

    assert (ended.returncode, ended.stderr) == (0, "")


def test_development_without_them_ends_with_one_sentence(image: Path) -> None:
    # As the local stack does, with the code mounted.
    ended = run(image, "-m", "app.commands.cli", "run", "--reload", ENVIRONMENT="development")

    assert ended.returncode == 1
    assert ended.stderr.startswith("ENVIRONMENT=development needs app/devtools")
    assert len(ended.stderr.splitlines()) == 1
