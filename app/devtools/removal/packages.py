"""Packages of a feature: its extra in pyproject.toml."""

import re
from pathlib import Path


def remove_extra(root: Path, feature: str) -> None:
    """Delete the extra that is named after a feature."""
    project = root / "pyproject.toml"
    project.write_text(cut_extra(project.read_text(encoding="utf-8"), feature), encoding="utf-8")


def cut_extra(text: str, feature: str) -> str:
    """Return pyproject.toml without the extra of a feature."""
    start, header, extras = text.partition("[project.optional-dependencies]\n")
    section, bracket, rest = re.split(r"(^\[|\Z)", extras, maxsplit=1, flags=re.MULTILINE)
    several_lines = rf"^{feature} = \[\n(?:    .*\n)*\]\n"
    section = re.sub(rf"{several_lines}|^{feature} = \[.*\]\n", "", section, flags=re.MULTILINE)
    return start + header + section + bracket + rest
