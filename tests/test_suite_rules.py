"""Rules of the test suite: no sleep to win a race, no patched code of ours, no private names."""

import ast
import os
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from app.features import FEATURES
from tests import conftest

ROOT = Path(__file__).parents[1]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PATCHES = {"setattr", "setitem", "delattr", "delitem"}

# Here a duration is what the test is about, or the one place that polls.
MAY_SLEEP = {
    "tests/features/external/test_cache.py": "a source that takes long to load",
    "tests/features/http_client/test_client.py": "a server that drips",
    "tests/polling.py": "polls, with a deadline",
    "tests/service.py": "polls processes, with a deadline; of benchmarks/ in this repository",
}
# What is patched of the application, and why it is not passed in.
MAY_PATCH = {
    "app.features.graphql.pages.GRAPHIQL_PACKAGE": "an optional package that is installed here",
    "app.features.graphql.channel.INIT_SECONDS": "a deadline of the protocol",
    "examples.catalogue_import.importer.BATCH_SIZE": "imports of thousands of lines",
    "examples.catalogue_import.importer.SETTLE_SECONDS": "a pause of a program that runs once",
    "examples.catalogue_import.importer.time": "the pause in which another process commits",
    "examples.catalogue_import.client.DELAYS_SECONDS": "pauses of a program that runs once",
    "examples.catalogue_import.client.PAGE_SIZE": "thousands of rows would have to be read",
    "app.devtools.postgres_server.ANSWER_SECONDS": "a hung server would be waited for",
    "app.devtools.postgres_server.START_SECONDS": "a hung server would be waited for",
    "app.devtools.postgres_server.free_port": "a port that is lost between its choice and its use",
    "app.db.transaction.observe": "counts statements of a driver that has no event for them",
}


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def trees() -> dict[str, ast.Module]:
    return {place(path): ast.parse(path.read_text(encoding="utf-8")) for path in TESTS}


def test_sleeps_only_where_a_duration_is_the_subject() -> None:
    sleeping = {name: found for name, tree in trees().items() if (found := sleeps(tree))}

    assert {name: each for name, each in sleeping.items() if name not in MAY_SLEEP} == {}


def test_sleep_is_found_and_a_step_of_the_loop_is_not() -> None:
    assert sleeps(ast.parse("asyncio.sleep(0)")) == []
    waits = ast.parse("time.sleep(1)\nasyncio.sleep(pause)")
    assert sleeps(waits) == ["time.sleep", "asyncio.sleep"]


def sleeps(tree: ast.Module) -> list[str]:
    nodes = list(ast.walk(tree))
    steps = {id(node.func) for node in nodes if isinstance(node, ast.Call) and is_zero(node)}
    return [ast.unparse(node) for node in nodes if is_sleep(node) and id(node) not in steps]


def is_zero(call: ast.Call) -> bool:
    """Return whether the call only yields to the event loop."""
    first = call.args[0] if call.args else None
    return isinstance(first, ast.Constant) and first.value == 0


def is_sleep(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr == "sleep"
        and isinstance(node.value, ast.Name)
        and node.value.id in {"anyio", "asyncio", "time"}
    )


def test_application_is_patched_only_for_a_reason() -> None:
    patched = {name for tree in trees().values() for name in patched_names(tree)}

    assert patched == {name for name in MAY_PATCH if is_present(name)}


def is_present(name: str) -> bool:
    """Say whether a name belongs to the kernel or an enabled feature."""
    return not name.startswith("app.features.") or name.split(".")[2] in FEATURES


def patched_names(module: ast.Module) -> Iterator[str]:
    """Yield the full name of each application attribute that `monkeypatch` changes."""
    imported = app_names(module)
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and is_patch(node.func):
            name = target(node, imported)
            if name.startswith(("app.", "examples.")):
                yield name


def is_patch(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and function.attr in PATCHES
        and isinstance(function.value, ast.Name)
        and function.value.id == "monkeypatch"
    )


def target(call: ast.Call, imported: dict[str, str]) -> str:
    first = call.args[0]
    if isinstance(first, ast.JoinedStr):  # What stands before the first value.
        first = first.values[0]
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value
    if not isinstance(first, ast.Name) or first.id not in imported:
        return ""
    is_attribute = isinstance(call.func, ast.Attribute) and call.func.attr.endswith("attr")
    name = call.args[1]
    attribute = str(name.value) if isinstance(name, ast.Constant) else ""
    return f"{imported[first.id]}.{attribute}" if is_attribute else imported[first.id]


def app_names(module: ast.Module) -> dict[str, str]:
    return {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").partition(".")[0] in {"app", "examples"}
        for alias in node.names
    }


def test_nothing_is_mocked() -> None:
    mocking = {name for name, tree in trees().items() if any(map(is_mock, imported_names(tree)))}

    assert mocking == set()


def test_mock_is_found() -> None:
    for line in (
        "import unittest.mock",
        "from unittest import mock",
        "from unittest.mock import ANY",
    ):
        assert any(map(is_mock, imported_names(ast.parse(line))))


def is_mock(name: str) -> bool:
    return name.startswith("unittest")


def imported_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_linter_rejects_private_names_in_tests() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]

    assert "SLF" in lint["select"]
    assert not {"SLF", "SLF001"} & {*lint["ignore"], *lint["per-file-ignores"]["tests/**"]}


def test_settings_in_the_shell_of_the_developer_are_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PORT", "9000")

    conftest.pytest_configure()

    assert "PORT" not in os.environ
