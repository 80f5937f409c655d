"""`app remove`: deletes features from a checkout, and writes again what is generated from them."""

import subprocess
import sys
from pathlib import Path

import app
from app.config.settings import ConfigError
from app.devtools.generated import regenerate
from app.devtools.removal import blocks, citations, files, packages
from app.devtools.removal.record import record_removal
from app.devtools.removal.revisions import remove_revisions
from app.devtools.removal.selection import optional_features, select
from app.feature import load_features

ROOT = Path(app.__file__).parents[1]
# Of the uncommitted changes, so many are named.
NAMED_CHANGES = 3
NEXT = """\
Written again: the OpenAPI document, the table of permissions, the numbers in the README, the locks.

Next:
  make check && make test     without the feature
  make reset                  if `make run` has migrated a database: its tables would stay, and its
                              version may be a migration that no longer exists
  git grep -inE '{names}' -- '*.md' deploy
                              sentences and Grafana panels about it, which are left to you
  git add --all               then commit, or undo everything with `git restore .`"""


def remove(names: set[str], *, everything: bool, with_dependents: bool, force: bool) -> None:
    """Delete features; print what was deleted, what was changed and what to do next.

    Raises:
        ConfigError: no name is given, one is unknown or always present, another feature requires
            one, or the checkout has uncommitted changes.
    """
    features = load_features()
    names = names.union(optional_features(features) if everything else ())
    selected = select(features, names, with_dependents=with_dependents)
    if not force:
        check_committed(ROOT)
    for name in selected:
        print_removal(name, *remove_one(ROOT, name))
    regenerate(ROOT, release=True)
    subprocess.run([sys.executable, ".ci/locks.py", "--prune"], cwd=ROOT, check=True)
    print(NEXT.format(names="|".join(selected)))


def check_committed(root: Path) -> None:
    """Check that git can tell the changes of a removal from others.

    Raises:
        ConfigError: the checkout has uncommitted changes.
    """
    if changes := uncommitted(root):
        more = ", ..." if len(changes) > NAMED_CHANGES else ""
        raise ConfigError(
            f"The checkout has uncommitted changes ({', '.join(changes[:NAMED_CHANGES])}{more}): "
            "commit or stash them, so that `git restore .` can undo the removal, or give --force."
        )


def uncommitted(root: Path) -> list[str]:
    """Return the paths that git would commit; a folder without git has none."""
    if not (root / ".git").exists():
        return []
    command = ["git", "status", "--porcelain"]
    status = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return [line[3:] for line in status.stdout.splitlines()]


def print_removal(name: str, deleted: list[Path], changed: list[Path]) -> None:
    print(name)
    for verb, paths in (("deleted", deleted), ("changed", changed)):
        print(*(f"  {verb} {path}" for path in paths), sep="\n")


def remove_one(root: Path, name: str) -> tuple[list[Path], list[Path]]:
    """Delete one feature; return what was deleted and what was changed, relative to the root."""
    revisions = remove_revisions(root / "alembic/versions", name)
    deleted = [*files.delete(root, name), *(path.relative_to(root) for path in revisions)]
    changed = [
        *files.unlist(root, name),
        *packages.remove_extra(root, name),
        *blocks.cut_files(root, name),
        *citations.cut_files(root, deleted),
        *record_removal(root, [name]),
    ]
    return deleted, list(dict.fromkeys(changed))
