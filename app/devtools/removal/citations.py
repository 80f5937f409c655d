"""Citations of deleted files and make targets in documents: in backquotes, in a list of several."""

import re
from collections.abc import Iterable
from pathlib import Path

# Guides name modules of features as examples.
CITED = ("tests", "benchmarks")
DOCUMENTS = ("README.md", "docs/*.md")
TARGET = re.compile(r"^([\w-]+):", re.MULTILINE)
DRILL = re.compile(r"`make ((?:bench|drill)-[\w-]+)(?: [^`]*)?`")


def cut_files(root: Path, deleted: Iterable[Path]) -> list[Path]:
    """Delete the citations of what no longer exists; return the changed documents."""
    deleted = list(deleted)
    changed, gone = [], [path.as_posix() for path in deleted if path.parts[0] in CITED]
    modules = [path.as_posix() for path in deleted if path.parts[0] == "app"]
    targets = TARGET.findall((root / "Makefile").read_text(encoding="utf-8"))
    for path in sorted(path for pattern in DOCUMENTS for path in root.glob(pattern)):
        before = path.read_text(encoding="utf-8")
        after = cut_targets(cut_constants(cut(before, gone), modules), targets)
        after = fill_cells(before, after)
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed.append(path.relative_to(root))
    return changed


def cut(text: str, deleted: Iterable[str]) -> str:
    """Return a text without the citations of deleted files and of what is in deleted folders."""
    for path in deleted:
        text = cut_name(text, rf"`{re.escape(path)}(?:(?:/|::)[^`]*)?`")
    return text


def cut_constants(text: str, deleted: Iterable[str]) -> str:
    """Return a text without "`NAME` in `path`" of deleted modules."""
    for path in deleted:
        text = cut_name(text, rf"`\w+` in `{re.escape(path)}(?:/[^`]*)?`")
    return text


def cut_targets(text: str, targets: Iterable[str]) -> str:
    """Return a text without `make drill-NAME` of targets that the Makefile lacks."""
    for target in set(DRILL.findall(text)) - set(targets):
        text = cut_name(text, rf"`make {target}(?: [^`]*)?`")
    return text


def fill_cells(before: str, after: str) -> str:
    """Return the text after a cut with `none` in the cells of tables that it has emptied."""
    pairs = zip(before.split("\n"), after.split("\n"), strict=True)
    return "\n".join(fill_row(*pair) if pair[0].startswith("|") else pair[1] for pair in pairs)


def fill_row(before: str, after: str) -> str:
    pairs = zip(before.split("|"), after.split("|"), strict=True)
    return "|".join(" none " if was.strip() and not now.strip() else now for was, now in pairs)


def cut_name(text: str, name: str) -> str:
    return re.sub(rf"(?:,| and) {name}|{name}(?:,| and) |{name}", "", text)
