"""Files of a generated resource: new ones, and those in which it gets a line."""

import re
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.devtools.new.rendering import Files
from app.devtools.new.resource import Resource
from app.devtools.removal.files import FEATURES
from app.devtools.removal.revisions import Revision, read_revision

CHANGELOG = Path("CHANGELOG.md")
UNRELEASED = re.compile(r"(## \[Unreleased\]\n.*?)(?=\n## |\Z)", re.DOTALL)
ADDED = "### Added\n"


def newest_revision(root: Path) -> Revision:
    """Return the migration that no other follows."""
    revisions = [read_revision(path) for path in (root / "alembic/versions").glob("*.py")]
    parents = {each.parent for each in revisions}
    (newest,) = (each for each in revisions if each.name not in parents)
    return newest


def changed_files(root: Path, resource: Resource) -> Files:
    """Return the files of the checkout that get a line, with it."""
    features = (root / FEATURES).read_text(encoding="utf-8")
    changelog = (root / CHANGELOG).read_text(encoding="utf-8")
    return {
        FEATURES: with_feature(features, resource.names.plural),
        CHANGELOG: with_entry(changelog, changelog_entry(resource)),
    }


def with_feature(module: str, name: str) -> str:
    """Return the module with the name as the last of FEATURES."""
    return re.sub(r"(FEATURES = \(\n(?:    .+\n)*)\)", rf'\g<1>    "{name}",\n)', module, count=1)


def changelog_entry(resource: Resource) -> str:
    names = resource.names
    verbs = "create, read, replace, change" + (" and delete" if resource.deletable else "")
    callers = "their owners and administrators" if resource.owned else "administrators"
    text = (
        f"- {names.title} at `/api/v1/{names.path}`: list with filters and sorts, {verbs} them; "
        f"{callers} change them."
    )
    return textwrap.fill(text, 100, subsequent_indent="  ", break_on_hyphens=False) + "\n"


def with_entry(changelog: str, entry: str) -> str:
    """Return the changelog with one more entry below Added of the next release."""
    match = UNRELEASED.search(changelog)
    section = match[1] if match else ""
    head, added, rest = section.partition(ADDED)
    if not added:
        return changelog.replace(section, f"{section.rstrip()}\n\n{ADDED}\n{entry}", 1)
    entries, heading, others = rest.partition("\n### ")
    return changelog.replace(
        section, f"{head}{added}{entries.rstrip()}\n{entry}{heading}{others}", 1
    )


def write(root: Path, files: Files) -> None:
    for path, source in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(source, encoding="utf-8")


@contextmanager
def all_or_nothing(root: Path, paths: Iterable[Path]) -> Iterator[None]:
    """Restore the files after an error or an interruption inside the block; delete new ones."""
    before = {root / path: content(root / path) for path in paths}
    try:
        yield
    except BaseException:
        for path, was in before.items():
            restore(path, was)
        raise


def content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def restore(path: Path, was: bytes | None) -> None:
    if was is not None:
        path.write_bytes(was)
        return
    path.unlink(missing_ok=True)
    if path.parent.is_dir() and not any(path.parent.iterdir()):
        path.parent.rmdir()
