"""History of a new project: its first commit, and the branch from which updates are merged."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from app.config.settings import ConfigError

# The branch whose commits are what the generator wrote, and nothing else.
BRANCH = "reference"
# The branch is written by a program, also where no user is configured.
AUTHOR = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "app new project"), ("EMAIL", "app@localhost"))
}


def git(root: Path, *arguments: str, **environment: str) -> str:
    """Run git in a folder; return what it prints.

    Raises:
        ConfigError: a git command fails.
    """
    done = subprocess.run(
        ["git", *arguments],
        cwd=root,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ConfigError(f"git {arguments[0]} in {root}: {done.stderr.strip()}")
    return done.stdout.strip()


def commit_of(root: Path) -> str:
    """Return the commit of a checkout, or an empty text without git."""
    return git(root, "rev-parse", "HEAD") if (root / ".git").exists() else ""


def begin(root: Path, message: str) -> bool:
    """Make the first commit, and the branch of updates at it; return whether there is git."""
    if not shutil.which("git"):
        return False
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "--all")
    author = {} if is_configured(root) else AUTHOR
    options = ("--quiet", "--no-verify", "--no-gpg-sign", f"--message={message}")
    git(root, "commit", *options, **author)
    git(root, "branch", BRANCH)
    return True


def is_configured(root: Path) -> bool:
    """Return whether git knows the user's name and address."""
    try:
        git(root, "var", "GIT_AUTHOR_IDENT")
        git(root, "config", "user.email")
    except ConfigError:
        return False
    return True


def add_snapshot(root: Path, snapshot: Path, message: str) -> bool:
    """Commit a folder to the branch of updates; return whether it differs from the last one.

    Neither the working tree nor the index of the project is touched.

    Raises:
        ConfigError: the project has no such branch, or a git command fails.
    """
    parent = git(root, "rev-parse", "--verify", f"refs/heads/{BRANCH}")
    folder = git(root, "rev-parse", "--absolute-git-dir")
    with tempfile.TemporaryDirectory() as temporary:
        where = {"GIT_DIR": folder, "GIT_INDEX_FILE": f"{temporary}/index"}
        git(snapshot, "--work-tree=.", "add", "--all", **where)
        tree = git(snapshot, "write-tree", **where)
    if tree == git(root, "rev-parse", f"{parent}^{{tree}}"):
        return False
    commit = git(root, "commit-tree", tree, "-p", parent, "-m", message, **AUTHOR)
    git(root, "update-ref", f"refs/heads/{BRANCH}", commit, parent)
    return True
