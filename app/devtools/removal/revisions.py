"""Migrations of a feature: taken out of the chain of revisions before a first deployment."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Revision:
    """One migration; `feature` is the name that its module assigns, or empty."""

    path: Path
    name: str
    parent: str | None
    feature: str


def read_revision(path: Path) -> Revision:
    """Read the assignments of a migration without running it."""
    values: dict[str, Any] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if isinstance(targets[0], ast.Name) and isinstance(value, ast.Constant):
            values[targets[0].id] = value.value
    return Revision(
        path, values["revision"], values.get("down_revision"), values.get("feature", "")
    )


def remove_revisions(folder: Path, feature: str) -> list[Path]:
    """Delete the migrations of a feature; their successors follow their predecessors.

    Returns: the deleted files.
    """
    revisions = [read_revision(path) for path in sorted(folder.glob("*.py"))]
    removed = {each.name: each for each in revisions if each.feature == feature}
    for each in revisions:
        if each.parent in removed and each.name not in removed:
            relink(each, ancestor(each.parent, removed))
    for each in removed.values():
        each.path.unlink()
    return [each.path for each in removed.values()]


def ancestor(name: str | None, removed: dict[str, Revision]) -> str | None:
    """Return the nearest predecessor that stays."""
    while name in removed:
        name = removed[name].parent
    return name


def relink(revision: Revision, parent: str | None) -> None:
    """Write another parent into a migration."""
    text = revision.path.read_text(encoding="utf-8")
    value = "None" if parent is None else f'"{parent}"'
    assignment = re.compile(r"^(down_revision\b.*= ).*$", re.MULTILINE)
    relinked = assignment.sub(lambda match: match[1] + value, text, count=1)
    revision.path.write_text(relinked, encoding="utf-8")
