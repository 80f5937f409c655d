"""Packages of a feature: its extra in pyproject.toml."""

import re
from pathlib import Path

PROJECT = Path("pyproject.toml")


def remove_extra(root: Path, feature: str) -> list[Path]:
    """Delete the extra that is named after a feature; return the file if it changed."""
    project = root / PROJECT
    before = project.read_text(encoding="utf-8")
    after = cut_extra(before, feature)
    project.write_text(after, encoding="utf-8")
    return [PROJECT] if after != before else []


def cut_extra(text: str, feature: str) -> str:
    """Return pyproject.toml without the extra of a feature."""
    start, header, extras = text.partition("[project.optional-dependencies]\n")
    section, bracket, rest = re.split(r"(^\[|\Z)", extras, maxsplit=1, flags=re.MULTILINE)
    several_lines = rf"^{feature} = \[\n(?:    .*\n)*\]\n"
    section = re.sub(rf"{several_lines}|^{feature} = \[.*\]\n", "", section, flags=re.MULTILINE)
    return start + header + section + bracket + rest
