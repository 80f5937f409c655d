"""Optional features can be deleted: a copy without their code declares the other operations."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.feature import load_features

ROOT = Path(__file__).parents[1]
FEATURES = load_features()
ALWAYS_THERE = {"users", "auth", "mail", "categories", "items", "tasks"}
REQUIRED = {name for feature in FEATURES for name in feature.requires}
# Features that no other requires.
REMOVABLE = sorted(FEATURES.by_name.keys() - ALWAYS_THERE - REQUIRED)

DESCRIBE = """
import json
from fastapi.routing import iter_route_contexts
from app.config.settings import load_settings
from app.main import create_app
app = create_app(load_settings(environment="test", _env_file=None))
routes = [context.original_route for context in iter_route_contexts(app.routes)]
modules = {route.name: route.endpoint.__module__ for route in routes if hasattr(route, "endpoint")}
print(json.dumps({"document": app.openapi(), "modules": modules}))
"""


def describe(root: Path) -> dict[str, Any]:
    """The OpenAPI document of a working copy, and the module of each operation."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DESCRIBE],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    described: dict[str, Any] = json.loads(done.stdout)
    return described


def remove(root: Path, name: str) -> None:
    """Delete the folder of a feature, its extension modules and its line in FEATURES."""
    features = root / "app/features"
    shutil.rmtree(features / name)
    for module in [*features.glob(f"*/{name}.py"), *features.glob(f"*/{name}")]:
        shutil.rmtree(module) if module.is_dir() else module.unlink()
    listed = features / "__init__.py"
    text = listed.read_text(encoding="utf-8")
    assert f'    "{name}",\n' in text
    listed.write_text(text.replace(f'    "{name}",\n', ""), encoding="utf-8")


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return describe(ROOT)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "app", tmp_path / "app", ignore=ignored)
    return tmp_path


def operations(document: dict[str, Any]) -> dict[str, Any]:
    return {
        operation["operationId"]: operation
        for methods in document["paths"].values()
        for operation in methods.values()
    }


def belongs_to(module: str, name: str) -> bool:
    parts = module.split(".")
    return parts[:2] == ["app", "features"] and name in parts[2:]


@pytest.mark.parametrize("name", REMOVABLE)
def test_application_is_built_without(name: str, whole: dict[str, Any], copy: Path) -> None:
    remove(copy, name)

    rest = operations(describe(copy)["document"])

    expected = {
        operation_id
        for operation_id in operations(whole["document"])
        if not belongs_to(whole["modules"][operation_id], name)
    }
    assert rest.keys() == expected


def test_smallest_application_is_built(whole: dict[str, Any], copy: Path) -> None:
    optional = FEATURES.by_name.keys() - ALWAYS_THERE
    for name in optional:
        remove(copy, name)

    rest = operations(describe(copy)["document"])

    expected = {
        operation_id
        for operation_id in operations(whole["document"])
        if not any(belongs_to(whole["modules"][operation_id], name) for name in optional)
    }
    assert rest.keys() == expected
