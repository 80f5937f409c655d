"""Tests of one feature need no other that may be absent.

What needs two optional features is in a folder or a module that is named after both, so that the
removal of either deletes it.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts

from app.config.settings import default_settings
from app.devtools.removal.selection import optional_features
from app.feature import load_features
from app.main import create_app

ROOT = Path(__file__).parents[1]
FEATURES = load_features()
FOLDERS = sorted(path for path in (ROOT / "tests/features").iterdir() if path.is_dir())
# Each is the path of a page that no feature has to serve, or left out where the feature is absent.
MAY_NAME = {
    ("items", "/docs"): "the redirect target of a test",
    ("load_shedding", "/metrics"): "a parameter that depends on the feature",
    ("tracing", "/metrics"): "a parameter that depends on the feature",
    ("replica", "/posts"): "a parameter that depends on the feature",
    ("replica", "/api-keys"): "a parameter that depends on the feature",
}


@cache
def optional_segments() -> dict[str, str]:
    """Segments of paths, such as `/posts`, that only one optional feature serves."""
    owners: dict[str, set[str]] = defaultdict(set)
    for context in iter_route_contexts(create_app(default_settings()).routes):
        route = context.original_route
        module = getattr(route, "endpoint", iter_route_contexts).__module__.split(".")
        for segment in re.findall(r"/[^/{}]+", getattr(route, "path", "")):
            owners[segment].add(module[2] if module[:2] == ["app", "features"] else "")
    optional = optional_features(FEATURES)
    return {
        segment: owner
        for segment, (owner, *others) in owners.items()
        if not others and owner in optional
    }


def required(name: str) -> set[str]:
    return {name}.union(*(required(each) for each in FEATURES.by_name[name].requires))


def texts(path: Path) -> Iterator[str]:
    """The strings of a module, without its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    described = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node not in described:
            if isinstance(node.value, str):
                yield node.value
            elif isinstance(node.value, bytes):
                yield node.value.decode("latin-1")


@cache
def pattern() -> re.Pattern[str]:
    segments = "|".join(map(re.escape, optional_segments())) or "(?!)"  # Without any, nothing.
    return re.compile(rf"(?<!/)(?:{segments})(?![\w./-])")


def named_segments(path: Path) -> set[str]:
    """Return the segments that a module names of features which may be absent."""
    parts = {*path.relative_to(ROOT).parts, path.stem.removeprefix("test_")}
    present = set[str]().union(*(required(name) for name in parts & FEATURES.by_name.keys()))
    named = {segment for text in texts(path) for segment in pattern().findall(text)}
    return {segment for segment in named if optional_segments()[segment] not in present}


def test_segments_were_found() -> None:
    assert len(optional_segments()) > 10 or not optional_features(FEATURES)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_tests_of_a_feature_call_only_features_that_it_requires(folder: Path) -> None:
    found = {
        (place.relative_to(ROOT).as_posix(), segment)
        for place in folder.rglob("*.py")
        for segment in named_segments(place)
        if (folder.name, segment) not in MAY_NAME
    }

    assert found == set()
