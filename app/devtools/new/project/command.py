"""`app new project`: makes a project from this repository, and brings it later changes."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from subprocess import CalledProcessError

import app
from app.config.settings import ConfigError
from app.devtools.generated import regenerate
from app.devtools.new.arguments import reject
from app.devtools.new.project import copying, decisions, history, naming, parts
from app.devtools.new.project.documents import write_documents, write_secrets
from app.devtools.new.project.specification import (
    Project,
    mistakes,
    read_record,
    write_record,
)
from app.devtools.removal.command import remove_one
from app.devtools.removal.selection import optional_features, select
from app.feature import load_features

ROOT = Path(app.__file__).parents[1]
ALL = "all"
CREATED = """\
{title} is in {folder}{committed}.

Next:
  cd {folder}
  make run          http://127.0.0.1:8000
  make check && make test
  app new resource  in .venv/bin, for the first resource of your own
  README.md         names the rest; .env holds the secrets, and git ignores it"""
UPDATED = """\
The branch {branch} of {folder} has this version of the reference.

Next, in the project:
  git merge {branch}     conflicts are where both sides changed the same lines
  make check && make test   a file that is generated may need `make openapi` or the command that the
                            failing check names
  app db upgrade"""


def new_project(project: Project, folder: Path, *, with_dependents: bool) -> None:
    """Write a project to a folder; print what to do next.

    Raises:
        ConfigError: a name or an option is a mistake, or the folder is not empty or inside of this
            checkout; nothing was written.
    """
    reject(mistakes(ROOT, project), mistakes_of_folder(folder))
    removed = removed_features(project, with_dependents=with_dependents)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # By name, so that an update removes none that is optional only since then.
    project = replace(project, without=tuple(sorted(removed)))
    with snapshot(project, removed, beside=folder) as made:
        write_secrets(made)
        commit = history.commit_of(ROOT)
        is_committed = history.begin(
            made, f"start: from the reference{f' at {commit[:12]}' if commit else ''}"
        )
        if folder.exists():
            folder.rmdir()
        made.rename(folder)
    committed = ", with a first commit" if is_committed else "; git was not found"
    print(CREATED.format(title=project.title, folder=folder, committed=committed))


def update_project(folder: Path) -> None:
    """Write the project again, as it was described, and commit that to its branch of updates.

    Raises:
        ConfigError: the folder is no project of `app new project`, or has no history in git.
    """
    project = read_record(folder)
    known = load_features().by_name
    described = [name for name in project.without if name in known]
    removed = select(load_features(), set(described), with_dependents=True) if described else []
    with snapshot(project, removed, beside=Path(tempfile.gettempdir()) / folder.name) as made:
        message = f"update: from the reference at {history.commit_of(ROOT)[:12]}"
        is_new = history.add_snapshot(folder, made, message)
    text = UPDATED if is_new else "The branch {branch} of {folder} has this version already."
    print(text.format(branch=history.BRANCH, folder=folder))


def mistakes_of_folder(folder: Path) -> Iterator[str]:
    if folder.is_relative_to(ROOT):
        yield f"{folder} is inside of this checkout: name another place with --folder."
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        yield f"{folder} exists and is not empty: name another place with --folder."


def removed_features(project: Project, *, with_dependents: bool) -> list[str]:
    """Return the features to remove, in the order of removal.

    Raises:
        ConfigError: one is unknown or always present, or a feature that is kept requires it.
    """
    features = load_features()
    names = set(project.without)
    if ALL in names:
        names = names - {ALL} | {*optional_features(features)}
    return select(features, names, with_dependents=with_dependents) if names else []


@contextmanager
def snapshot(project: Project, removed: list[str], *, beside: Path) -> Iterator[Path]:
    """Yield a folder beside a path that holds the project; it is deleted unless it was moved.

    Raises:
        ConfigError: the generated documents could not be written.
    """
    with tempfile.TemporaryDirectory(
        dir=beside.parent, prefix=f".{beside.name}-", ignore_cleanup_errors=True
    ) as temporary:
        root = Path(temporary) / project.name
        root.mkdir()
        try:
            write_sources(root, project, removed)
            regenerate(root, release=True)
            subprocess.run([sys.executable, ".ci/locks.py", "--prune"], cwd=root, check=True)
        except CalledProcessError as error:
            raise ConfigError(
                "The project could not be generated, for the reason above; nothing was written: "
                "`make check` shows what is wrong with this checkout."
            ) from error
        yield root


def write_sources(root: Path, project: Project, removed: list[str]) -> None:
    """Write all files of a project; those that are generated from its code are as they are here."""
    copying.copy(ROOT, root)
    for name in removed:
        remove_one(root, name)
    parts.leave_out(root, project.left_out)
    decisions.prune(root)
    naming.rename(root, project)
    write_documents(root, project)
    write_record(root, project, history.commit_of(ROOT))
