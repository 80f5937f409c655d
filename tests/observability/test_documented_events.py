"""Events of the log and their table in docs/operations.md."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
LINES = OPERATIONS.partition("## Log events")[2].partition("\n## ")[0]
WARN = (".warning", ".error", ".critical", ".exception")
LOGGER = re.compile(r"(log|get_logger\('\w+'\))\.\w+$")
# Of OpenTelemetry's exporter; and what is written without a logger.
OF_LIBRARIES = {"Transient error ... /v1/traces"}
OF_WRITER = {"log lines dropped"}


def events(*levels: str) -> set[str]:
    """Return the log events of the levels."""
    found = [call.args[0] for call in calls() if is_log(call.func, levels)]
    return {str(text.value) for each in found for text in constants(each)}


@cache
def calls() -> list[ast.Call]:
    """Return the calls of methods in modules that log."""
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "app").rglob("*.py"))
    return [
        node
        for source in sources
        if "get_logger" in source
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args
    ]


def is_log(function: ast.expr, levels: tuple[str, ...]) -> bool:
    is_level = isinstance(function, ast.Attribute) and f".{function.attr}".endswith(levels)
    return is_level and bool(LOGGER.search(ast.unparse(function)))


def constants(event: ast.expr) -> list[ast.Constant]:
    """Return the texts of an event, both of a conditional one."""
    parts = [event.body, event.orelse] if isinstance(event, ast.IfExp) else [event]
    return [part for part in parts if isinstance(part, ast.Constant)]


def documented_events() -> set[str]:
    """Return the events in the first column of the table, without those of libraries."""
    cells = re.findall(r"^\| (`.+?`) \|", LINES, re.MULTILINE)
    found = {event for cell in cells for event in re.findall(r"`(.+?)`", cell)}
    return {event.removesuffix(": ...") for event in found - {"event", *OF_LIBRARIES}}


ALL_EVENTS = events(".info", *WARN) | OF_WRITER


@pytest.mark.parametrize("event", sorted(events(*WARN)))
def test_every_warning_is_documented(event: str) -> None:
    assert f"`{event.partition(':')[0]}" in LINES


@pytest.mark.parametrize("event", sorted(documented_events()))
def test_documented_event_is_logged(event: str) -> None:
    assert any(logged.startswith(event) for logged in ALL_EVENTS)
