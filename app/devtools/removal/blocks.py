"""Feature blocks: parts of configuration and documents that are deleted with a feature.

A block stands between comment lines, a single line has the comment at its end:

    # feature: webhooks
    WEBHOOKS_PER_USER=20
    # end feature: webhooks

    <!-- feature: webhooks -->
    "standardwebhooks>=1.1",  # feature: webhooks

What needs several features names them all, and is deleted with any: `feature: events, graphql`.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

MARK = re.compile(
    r"(?:#|<!--)(?: ---)? (?P<end>end )?feature: (?P<name>\w+(?:, \w+)*)(?: -+>?)?(?= \|$|$)"
)
# Parts that a new project begins without, marked like features: `app new project`.
PARTS = ("benchmarks", "reference")
UNMARKED = {".json", ".png", ".pyc", ".svg"}
FILES = (
    "*.md",
    "docs/*.md",
    "docs/guide/*.md",
    "mkdocs.yml",
    ".env.example",
    "Makefile",
    "Dockerfile",
    "docker-compose*.yml",
    "pyproject.toml",
    "app/devtools/reload.py",  # It lists packages.
    "deploy/**/*",
)


class UnpairedBlock(Exception):
    """A block has no beginning or no end; the message names its line."""


def files(root: Path) -> list[Path]:
    """Return the files that may have blocks."""
    found = {path for pattern in FILES for path in root.glob(pattern) if path.is_file()}
    return sorted(path for path in found if path.suffix not in UNMARKED)


def cut_files(root: Path, feature: str) -> list[Path]:
    """Delete the blocks of a feature; return the changed files, relative to the root."""
    changed = []
    for path in files(root):
        before = path.read_text(encoding="utf-8")
        after = cut(before, feature)
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed.append(path.relative_to(root))
    return changed


def cut(text: str, feature: str) -> str:
    """Return a text without the blocks of a feature.

    Raises:
        UnpairedBlock: see there.
    """
    lines = owned_lines(text.splitlines(True))
    return "".join(line for owners, line in lines if feature not in owners.split(", "))


def names(text: str) -> set[str]:
    """Return the features that have a block in the text."""
    owners = {each for each, _ in owned_lines(text.splitlines(True)) if each}
    return {name for each in owners for name in each.split(", ")}


def owned_lines(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Iterate over the lines, each with the features of its block or an empty text."""
    opened = ""
    for number, line in enumerate(lines, 1):
        mark = MARK.search(line.rstrip("\n"))
        if mark is None or line[: mark.start()].strip():
            yield ", ".join(filter(None, [opened, mark and mark["name"]])), line
            continue
        if bool(mark["end"]) != bool(opened) or opened not in {"", mark["name"]}:
            raise UnpairedBlock(f"line {number}: {line.strip()}")
        yield mark["name"], line
        opened = "" if mark["end"] else mark["name"]
    if opened:
        raise UnpairedBlock(f"the block of {opened} has no end")
