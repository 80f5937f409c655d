"""History of new projects: the first commit, and updates that merge without conflicts."""

import shutil
from pathlib import Path

import pytest

from app.config.settings import ConfigError
from app.devtools.new.project.history import BRANCH, add_snapshot, begin, git

LINES = [f"line {number}\n" for number in range(30)]


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        (root / name).write_text(text, encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project on a machine where git knows no user."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    root = tmp_path / "project"
    root.mkdir()
    write(root, code="".join(LINES), secret="s", **{".gitignore": "secret\n"})
    assert begin(root, "start: here")
    return root


def test_project_begins_with_one_commit_without_ignored_files(project: Path) -> None:
    assert git(project, "log", "--format=%s", "main") == "start: here"
    assert git(project, "ls-files").split() == [".gitignore", "code"]
    assert git(project, "rev-parse", BRANCH) == git(project, "rev-parse", "main")


def test_update_merges_with_own_work(project: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshot"
    shutil.copytree(project, snapshot, ignore=shutil.ignore_patterns(".git"))
    write(project, code="".join(["own\n", *LINES[1:]]), own="of the project")
    before = git(project, "status", "--porcelain")
    write(snapshot, code="".join([*LINES[:-1], "theirs\n"]), new="of the reference")

    assert add_snapshot(project, snapshot, "update: there")
    assert not add_snapshot(project, snapshot, "update: there")

    assert git(project, "status", "--porcelain") == before
    user = ("-c", "user.name=u", "-c", "user.email=u@example.com")
    git(project, *user, "commit", "--quiet", "--all", "--message=own")
    git(project, *user, "merge", "--quiet", "--no-edit", BRANCH)
    merged = (project / "code").read_text("utf-8").splitlines()
    assert (merged[0], merged[-1]) == ("own", "theirs")
    assert (project / "new").exists()
    assert (project / "own").exists()


def test_project_without_history_is_rejected(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")

    with pytest.raises(ConfigError, match="git rev-parse"):
        add_snapshot(tmp_path, tmp_path, "update")
