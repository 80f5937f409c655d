"""The notes of a release, for the tag that starts it."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = ("pyproject.toml", "Dockerfile", "app/config/settings.py", ".env.example", "CHANGELOG.md")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in (*FILES, ".ci/release-notes"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def notes(checkout: Path, tag: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(checkout / ".ci/release-notes"), tag]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def replace(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")


def test_are_the_section_of_the_changelog(checkout: Path) -> None:
    replace(
        checkout / "CHANGELOG.md",
        "## [Unreleased]\n",
        f"## [Unreleased]\n\n## [{VERSION}] - 2027-01-31\n\n- First.\n\n## [0.0.1]\n",
    )

    assert notes(checkout, f"v{VERSION}").stdout == "- First.\n"


@pytest.mark.parametrize("name", FILES[:-1])
def test_tag_of_another_version_is_rejected(checkout: Path, name: str) -> None:
    replace(checkout / name, VERSION, f"{VERSION}.1")

    ended = notes(checkout, f"v{VERSION}")

    assert ended.returncode == 1
    assert ended.stderr == f"v{VERSION} is not the version of {name}: change it there, then tag.\n"


def test_version_without_a_section_is_rejected(checkout: Path) -> None:
    ended = notes(checkout, f"v{VERSION}")

    assert ended.returncode == 1
    assert ended.stderr.startswith(f"CHANGELOG.md has no section [{VERSION}]")
