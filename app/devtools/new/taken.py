"""Names that a checkout has already: features, modules, tables, and parts of the API."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.devtools.new.names import Names
from app.devtools.removal.files import FOLDERS, named_after

TABLE = re.compile(r'__tablename__ = "(\w+)"')
VERSION_1 = "/api/v1/"


def conflicts(root: Path, names: Names) -> Iterator[str]:
    """Yield a sentence for each name of the resource that something else has."""
    # A module of that name would count as a part of the feature, and be removed with it.
    found = (path for folder in FOLDERS for path in named_after(root / folder, names.plural))
    for path in [path for path in found if not is_left_over(path)][:1]:
        yield (
            f"{names.plural} is the name of {path.relative_to(root)}: choose another name, or "
            "another --plural."
        )
    if names.plural in tables(root):
        yield f"There is a table {names.plural}: choose another name, or another --plural."
    document = json.loads((root / "docs/openapi.json").read_text(encoding="utf-8"))
    for kind, name in sorted(parts_of(names) & parts(document)):
        yield f"There is {kind} {name} in the API: choose another name."


def is_left_over(path: Path) -> bool:
    """Return whether a folder has only compiled modules, which git leaves behind."""
    return path.is_dir() and all(each.suffix == ".pyc" or each.is_dir() for each in path.rglob("*"))


def tables(root: Path) -> set[str]:
    modules = (root / "app").rglob("*.py")
    return {name for path in modules for name in TABLE.findall(path.read_text(encoding="utf-8"))}


def parts_of(names: Names) -> set[tuple[str, str]]:
    """Return what a resource adds to the API, by kind."""
    operations = [f"{verb}_{names.singular}" for verb in ("read", "create", "update", "delete")]
    schemas = [f"{names.model}{suffix}" for suffix in ("Create", "Update", "Read")]
    return {
        ("a path", names.path),
        ("a path parameter", f"{names.singular}_id"),
        ("a tag", names.nouns),
        *(("an operation", name) for name in (f"list_{names.plural}", *operations)),
        *(("a schema", name) for name in schemas),
    }


def parts(document: dict[str, Any]) -> set[tuple[str, str]]:
    """Return what the API has, by kind."""
    paths = document["paths"]
    operations = [each for methods in paths.values() for each in methods.values()]
    return {
        *(("a path", path.removeprefix(VERSION_1).partition("/")[0]) for path in paths),
        *(("a path parameter", name) for path in paths for name in re.findall(r"{(\w+)}", path)),
        *(("a tag", tag["name"]) for tag in document["tags"]),
        *(("an operation", each["operationId"]) for each in operations),
        *(("a schema", name) for name in document["components"]["schemas"]),
    }
