"""Citations: deleted files that documents name, in backquotes, in a list of several."""

import re
from collections.abc import Iterable
from pathlib import Path

# Guides name modules of features as examples.
CITED = ("tests", "benchmarks")
DOCUMENTS = ("README.md", "docs/*.md")


def cut_files(root: Path, deleted: Iterable[Path]) -> list[Path]:
    """Delete the citations of deleted files; return the changed documents."""
    changed, gone = [], [path.as_posix() for path in deleted if path.parts[0] in CITED]
    for path in sorted(path for pattern in DOCUMENTS for path in root.glob(pattern)):
        before = path.read_text(encoding="utf-8")
        after = cut(before, gone)
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed.append(path.relative_to(root))
    return changed


def cut(text: str, deleted: Iterable[str]) -> str:
    """Return a text without the citations of deleted files and of what is in deleted folders.

    The cell of a table that cited nothing else says `none`.
    """
    for path in deleted:
        name = rf"`{re.escape(path)}(?:(?:/|::)[^`]*)?`"
        text = re.sub(rf"(?<=\| ){name}(?= \|)", "none", text)
        text = re.sub(rf"(?:,| and) {name}|{name}(?:,| and) |{name}", "", text)
    return text
