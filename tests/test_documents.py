"""Documents name only what exists."""

import ast
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.settings import SETTINGS

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
DOCUMENTS += sorted((ROOT / "docs" / "guide").glob("*.md"))
NODE = re.compile(r"`(tests/[\w/]+\.py)((?:::\w+)*)")
LINK = re.compile(r"\]\(([^)#:\s]+)[)#]|src(?:set)?=\"([^\":]+)\"")
TARGET = re.compile(r"`make ([a-z][a-z-]*)")
PROMISE = re.compile(r"\bP(\d+)\b")
# The requirements of level 1, by section.
ASVS_5 = {
    "1.2": 5, "1.3": 2, "1.5": 1, "2.1": 1, "2.2": 2, "2.3": 1, "3.2": 2, "3.3": 1, "3.4": 2,
    "3.5": 3, "4.1": 1, "4.4": 1, "5.2": 2, "5.3": 2, "6.1": 1, "6.2": 8, "6.3": 2, "6.4": 2,
    "7.2": 4, "7.4": 2, "8.1": 1, "8.2": 2, "8.3": 1, "9.1": 3, "9.2": 1, "10.4": 5, "11.3": 2,
    "11.4": 1, "12.1": 1, "12.2": 2, "13.4": 1, "14.2": 1, "14.3": 1, "15.1": 1, "15.2": 1,
    "15.3": 1,
}  # fmt: skip


def text(document: Path) -> str:
    return document.read_text(encoding="utf-8")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(text(path))


def find(nodes: list[ast.stmt], names: list[str]) -> bool:
    if not names:
        return True
    bodies = [getattr(node, "body", []) for node in nodes if getattr(node, "name", "") == names[0]]
    return any(find(body, names[1:]) for body in bodies)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_tests_exist(document: Path) -> None:
    for path, names in NODE.findall(text(document)):
        assert (ROOT / path).exists(), path
        assert find(tree(ROOT / path).body, names.split("::")[1:]), path + names


@pytest.mark.parametrize(
    "document", [*DOCUMENTS, *sorted((ROOT / "docs/adr").glob("*.md"))], ids=lambda path: path.name
)
def test_linked_files_exist(document: Path) -> None:
    linked = {path or source for path, source in LINK.findall(text(document))}

    assert {path for path in linked if not (document.parent / path).exists()} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_targets_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text(ROOT / "Makefile"), re.MULTILINE))

    assert set(TARGET.findall(text(document))) <= targets


def test_targets_run_existing_modules_and_tests() -> None:
    makefile = text(ROOT / "Makefile")
    modules = re.findall(r"-m ((?:app|benchmarks|examples)[\w.]*)", makefile)
    tests = re.findall(r"\btests/[\w/]+\.py", makefile)

    assert modules
    assert tests
    assert [name for name in modules if find_spec(name) is None] == []
    assert [path for path in tests if not (ROOT / path).exists()] == []


# --- feature: benchmarks
def test_promises_named_by_drills_exist() -> None:
    rows = re.findall(r"^\| (P\d+) \|", text(ROOT / "docs" / "promises.md"), re.MULTILINE)
    drills = [path for folder in ("benchmarks", "tests") for path in (ROOT / folder).rglob("*.py")]
    named = {
        f"P{n}"
        for path in drills
        if PROMISE.search(text(path))
        for n in PROMISE.findall(ast.get_docstring(tree(path)) or "")
    }

    numbers = [int(row.removeprefix("P")) for row in rows]
    assert numbers == sorted(set(numbers))
    assert named <= set(rows)
    assert named


# --- end feature: benchmarks
def test_every_requirement_of_asvs_level_1_has_a_row() -> None:
    _, _, table = text(ROOT / "docs" / "security.md").partition("## ASVS 5.0, level 1")
    rows = re.findall(r"^\| ([\d.]+) \| .+ \| .+ \|$", table, re.MULTILINE)

    assert rows == [f"{section}.{n + 1}" for section, count in ASVS_5.items() for n in range(count)]
    assert len(rows) == 70


def bounds() -> list[list[str]]:
    """The cells of each row of the table of bounds."""
    _, _, section = text(ROOT / "docs" / "security.md").partition("## Bounds\n")
    rows = re.findall(r"^\| (.+) \|$", section.partition("\n## ")[0], re.MULTILINE)
    return [row.split(" | ") for row in rows[1:]]


@pytest.mark.parametrize("row", bounds(), ids=lambda row: row[0])
def test_bound_names_an_existing_setting_and_a_test(row: list[str]) -> None:
    assert len(row) == 4
    _, _, place, tests = row
    constants = re.findall(r"`(\w+)` in `([\w/.]+)`", place)
    settings = re.findall(r"`([A-Z][A-Z_]+)`(?! in )", place)
    files = re.findall(r"`([\w/.-]+\.(?:conf|yml))`", place)

    assert constants or settings or files
    assert set(settings) <= SETTINGS
    assert all((ROOT / file).exists() for file in files)
    for name, file in constants:
        defined = rf"^(class {name}\b|[\w, ]*\b{name}\b.* = )"
        assert re.search(defined, text(ROOT / file), re.MULTILINE), name
    assert NODE.search(tests)


def test_every_setting_of_a_number_at_once_is_in_the_table_of_bounds() -> None:
    numbers = re.compile(r"_PER_(USER|PROCESS|CALLER)$")
    bounded = {name for name in SETTINGS if numbers.search(name)}

    table = " ".join(place for _, _, place, _ in bounds())
    assert bounded
    assert {name for name in bounded if f"`{name}`" not in table} == set()
