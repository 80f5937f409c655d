"""Test modules that each feature can bring, found by their names."""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from app.features import FEATURES


def fragments(kind: str) -> Iterator[tuple[str, ModuleType]]:
    """Import `tests.features.<name>.<kind>` of each enabled feature that has such a module."""
    for name in sorted(FEATURES):
        if find_spec(f"tests.features.{name}.{kind}"):
            yield name, import_module(f"tests.features.{name}.{kind}")
