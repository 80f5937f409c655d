"""Decisions (`docs/adr/`): a new project keeps those that its code or its documents cite."""

import re
from collections.abc import Iterator
from pathlib import Path

from app.devtools.new.project.copying import rewrite, texts

FOLDER = Path("docs/adr")
CITED = re.compile(r"(?:\bADR |adr/)(\d{4})\b")
LINK = re.compile(r"\[([^\]]+)\]\((\d{4})-[^)]+\)")


def prune(root: Path) -> None:
    """Delete the decisions that nothing cites, their rows in the list, and links to them."""
    folder = root / FOLDER
    cited = set(numbers(root))
    for path in folder.glob("[0-9]*.md"):
        if path.name[:4] not in cited:
            path.unlink()
    for path in folder.glob("*.md"):
        before = path.read_text(encoding="utf-8")
        rewrite(root, path, before, without_links(before, cited))


def numbers(root: Path) -> Iterator[str]:
    for path, text in texts(root).items():
        if FOLDER not in path.relative_to(root).parents:
            yield from CITED.findall(text)


def without_links(text: str, cited: set[str]) -> str:
    """Return a text without the rows of a list, and without the links, that lead nowhere."""

    def unlinked(link: re.Match[str]) -> str:
        return link[0] if link[2] in cited else link[1]

    lines = text.splitlines(True)
    rows = [(line, LINK.match(line, 2) if line.startswith("| [") else None) for line in lines]
    kept = [line for line, row in rows if row is None or row[2] in cited]
    return LINK.sub(unlinked, "".join(kept))
