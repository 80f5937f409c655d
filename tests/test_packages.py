"""Packages of features: each imports those of the base, its own and those of what it requires."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from app.feature import load_features

ROOT = Path(__file__).parents[1]
FEATURES = load_features()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
distributions = cache(packages_distributions)  # A second of CPU, in each worker at import.
# Come with pydantic[email] and uvicorn[standard].
INDIRECT = {"email-validator", "typing-extensions", "watchfiles"}
MODULES = sorted((ROOT / "app").rglob("*.py"))


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def normalized(requirement: str) -> str:
    """The name of the distribution, without extras and version (PEP 503)."""
    name = re.split(r"[\[><=~! ;]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def packages(*names: str) -> set[str]:
    """The packages of these features and of those that they require."""
    required = set(names).union(*(FEATURES.required_by(name) for name in names))
    return {normalized(each) for name in required for each in EXTRAS.get(name, ())}


def owners(path: Path) -> set[str]:
    """The features that a module belongs to: two, if it is an extension module."""
    parts = path.relative_to(ROOT / "app").with_suffix("").parts
    return set(parts[1:]) & set(FEATURES.by_name) if parts[0] == "features" else set()


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def foreign(path: Path, allowed: set[str]) -> set[str]:
    """The imported packages that are not allowed; those of a namespace count as one."""
    names = {module.partition(".")[0] for module in imported(path)}
    third_party = names - sys.stdlib_module_names - {"app"}
    return {
        name for name in third_party if not allowed & {normalized(d) for d in distributions()[name]}
    }


BASE = {normalized(each) for each in PROJECT["dependencies"]} | INDIRECT


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_are_those_of_the_owners_of_the_module(path: Path) -> None:
    assert foreign(path, BASE | packages(*owners(path))) == set()


def test_package_that_is_not_declared_is_found() -> None:
    assert foreign(ROOT / "app/db/pool.py", BASE - {"asyncpg"}) == {"asyncpg"}


def test_are_declared_by_features_alone() -> None:
    assert EXTRAS.keys() <= FEATURES.by_name.keys()


def test_stand_in_one_place() -> None:
    declared = [normalized(each) for extra in EXTRAS.values() for each in extra]

    assert len(declared) == len(set(declared))
    assert not BASE & set(declared)


def test_of_an_extension_module_are_those_of_both_features() -> None:
    assert owners(ROOT / "app/features/items/tasks.py") == {"items", "tasks"}
    assert packages(*owners(ROOT / "app/lifespan.py")) == set()
